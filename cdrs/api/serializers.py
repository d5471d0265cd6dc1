# SPDX-License-Identifier: Apache-2.0
"""Call records as JSON, and what they are searched by."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.choices import Permission
from cdrs.choices import Disposition, Quality
from cdrs.models import CDR
from cdrs.record import EndReason
from cdrs.search import Search
from cdrs.story import tell
from switchboard.api_paging import DEFAULT_LIMIT, MAX_LIMIT
from switchboard.api_serializers import AccountField

BEST_MOS = 5.0
PLAIN = ("disposition", "cause", "route", "node", "quality", "min_mos", "max_mos")


class CallSerializer(serializers.ModelSerializer[CDR]):
    """A call: who called whom, when, what became of it and how it sounded."""

    account = serializers.UUIDField(source="account_id", read_only=True, allow_null=True)
    caller_user = serializers.UUIDField(source="caller_user_id", read_only=True, allow_null=True)
    callee_user = serializers.UUIDField(source="callee_user_id", read_only=True, allow_null=True)
    caller_ip = serializers.IPAddressField(read_only=True, allow_null=True)
    sip_status = serializers.IntegerField(read_only=True, allow_null=True)
    story = serializers.SerializerMethodField(help_text="The call in one sentence.")
    quality = serializers.SerializerMethodField(help_text="Band of the MOS.")
    metadata = serializers.DictField(read_only=True)

    class Meta:
        model = CDR
        fields = (
            "id",
            "call_id",
            "account",
            "story",
            "caller_user",
            "caller_number",
            "caller_name",
            "caller_ip",
            "callee_user",
            "callee_number",
            "callee_name",
            "invite_time",
            "ring_time",
            "answer_time",
            "end_time",
            "duration_seconds",
            "ring_duration_seconds",
            "disposition",
            "hangup_cause",
            "hangup_by",
            "sip_status",
            "rtp_packets_sent",
            "rtp_packets_recv",
            "rtp_packets_lost",
            "rtp_jitter_ms",
            "mos_score",
            "quality",
            "codec",
            "route_id",
            "signaling_server",
            "rtp_manager",
            "metadata",
        )

    def get_story(self, call: CDR) -> str:
        """Return the call in a sentence."""
        return tell(call)

    def get_quality(self, call: CDR) -> str:
        """Return the band of the MOS."""
        return Quality.of(call.mos_score).value


class CallSearchSerializer(serializers.Serializer[Any]):
    """The query parameters of the list."""

    q = serializers.CharField(
        required=False,
        max_length=300,
        help_text="A number or how it begins, a SIP Call-ID, or a part of a name.",
    )
    number = serializers.RegexField(
        r"^[+*#0-9][*#0-9 ()./-]*\Z",
        required=False,
        max_length=128,
        help_text="Number of the caller or the called party, or how it begins; not together with q.",
    )
    match = serializers.ChoiceField(
        choices=("begins", "exact"), default="begins", help_text="Whether the number has to be the whole one."
    )
    to = serializers.DateTimeField(required=False, help_text="Calls that started before then.")
    disposition = serializers.ChoiceField(choices=Disposition.choices, required=False)
    cause = serializers.ChoiceField(choices=[reason.value for reason in EndReason], required=False)
    route = serializers.CharField(max_length=64, required=False, help_text="Id of the dialplan's route.")
    node = serializers.CharField(max_length=128, required=False, help_text="Signaling node.")
    quality = serializers.ChoiceField(choices=Quality.choices, required=False, help_text="Band of the MOS.")
    min_mos = serializers.FloatField(min_value=1.0, max_value=BEST_MOS, required=False)
    max_mos = serializers.FloatField(min_value=1.0, max_value=BEST_MOS, required=False)
    account = AccountField(
        required=False, permission=Permission.VIEW_CDRS, help_text="Id or domain of an account."
    )
    recorded = serializers.BooleanField(
        required=False,
        default=None,
        allow_null=True,
        help_text="Whether it was recorded, where you may listen.",
    )
    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT, help_text="Most calls of a page."
    )
    cursor = serializers.CharField(
        max_length=100, required=False, help_text="From next or previous of another page; not made by hand."
    )

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, with the one whose name is a word of Python's."""
        since = serializers.DateTimeField(required=False, help_text="Calls that started then or later.")
        return {**super().get_fields(), "from": since}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "q" in attrs and "number" in attrs:
            raise serializers.ValidationError({"number": "Search by q or by number, not both."})
        return attrs

    def search(self) -> Search:
        """Return what is looked for."""
        given = self.validated_data
        return Search(
            text=given.get("number") or given.get("q", ""),
            exact=given["match"] == "exact",
            since=given.get("from"),
            until=given.get("to"),
            account=str(given["account"].pk) if "account" in given else "",
            recorded=given.get("recorded"),
            **{name: given[name] for name in PLAIN if name in given},
        )


class CallPageSerializer(serializers.Serializer[Any]):
    """A page of calls, newest first."""

    results = CallSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Address of the page of older calls.")
    previous = serializers.URLField(allow_null=True, help_text="Address of the page of newer calls.")
    searched_to = serializers.DateTimeField(
        allow_null=True,
        help_text="Set when a rare search looked at so many calls that it paused before the page was full: it goes "
        "on at the next page.",
    )
