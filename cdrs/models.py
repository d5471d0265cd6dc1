# SPDX-License-Identifier: Apache-2.0
"""Call detail records as rows."""

from __future__ import annotations

import uuid

from django.db import models

from accounts.models import Account, User
from cdrs.choices import Disposition, HangupBy, Quality, RecordingState

__all__ = ["CDR", "DailyRollup", "Disposition", "HangupBy", "Recording"]


_OF_NUMBER = ("varchar_pattern_ops", "timestamptz_ops")
_OF_ACCOUNT_NUMBER = ("uuid_ops", *_OF_NUMBER)
"""So that PostgreSQL finds numbers by their beginning in any locale."""


class CDR(models.Model):
    """One call: who called whom, when, what became of it and how it sounded.

    Rows are written by the journal's writer alone; ``id`` is given when the call starts, so that a record that is
    delivered twice is stored once. A record keeps the ids of an account and of users that were deleted since.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    call_id = models.CharField(
        "SIP Call-ID",
        max_length=300,
        help_text="Of the caller's leg; a reused one has a suffix.",
    )
    account = models.ForeignKey(
        Account,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="cdrs",
    )
    caller_user = models.ForeignKey(
        User,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name="caller's SIP user",
    )
    caller_number = models.CharField("caller number", max_length=128, blank=True)
    caller_name = models.CharField("caller name", max_length=200, blank=True)
    caller_ip = models.GenericIPAddressField("caller address", null=True)
    callee_user = models.ForeignKey(
        User,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name="called SIP user",
    )
    callee_number = models.CharField("called number", max_length=128, blank=True)
    callee_name = models.CharField("called name", max_length=200, blank=True)
    invite_time = models.DateTimeField("start")
    ring_time = models.DateTimeField("ringing", null=True)
    answer_time = models.DateTimeField("answer", null=True)
    end_time = models.DateTimeField("end")
    duration_seconds = models.FloatField(default=0, help_text="From answer to end; 0 when not answered.")
    ring_duration_seconds = models.FloatField(
        default=0, help_text="From the first ringing to the answer or the end; 0 when it never rang."
    )
    disposition = models.CharField(max_length=16, choices=Disposition.choices)
    hangup_cause = models.CharField("cause", max_length=32, help_text="Why the call ended.")
    hangup_by = models.CharField("hung up by", max_length=8, choices=HangupBy.choices)
    sip_status = models.PositiveSmallIntegerField(
        "SIP status", null=True, help_text="Final SIP status that the caller got."
    )
    rtp_packets_sent = models.BigIntegerField("RTP packets sent", default=0, help_text="Sent to the caller.")
    rtp_packets_recv = models.BigIntegerField(
        "RTP packets received", default=0, help_text="Received from the caller."
    )
    rtp_packets_lost = models.BigIntegerField(
        "RTP packets lost", default=0, help_text="Lost on both legs, as received here."
    )
    rtp_jitter_ms = models.FloatField("jitter (ms)", null=True, help_text="The worse of both legs.")
    mos_score = models.FloatField(
        "MOS", null=True, help_text="Estimated from loss and jitter: 1 bad to 4.4 best."
    )
    codec = models.CharField(max_length=32, blank=True)
    route_id = models.CharField("route", max_length=64, blank=True)
    signaling_server = models.CharField("signaling node", max_length=128, blank=True)
    rtp_manager = models.CharField("RTP manager", max_length=128, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "cdrs"
        ordering = ("-invite_time", "-id")
        verbose_name = "call"
        # Each index serves one driver of cdrs.search in time order, or a number; docs/cdrs.md tells which search uses
        # which. The rare values alone are indexed where the common ones are found fast without.
        indexes = (
            models.Index(fields=("-invite_time",), name="cdrs_time"),
            models.Index(fields=("account", "-invite_time"), name="cdrs_account_time"),
            models.Index(fields=("route_id", "-invite_time"), name="cdrs_route_time"),
            models.Index(fields=("signaling_server", "-invite_time"), name="cdrs_node_time"),
            models.Index(
                fields=("hangup_cause", "-invite_time"),
                condition=~models.Q(hangup_cause="normal"),
                name="cdrs_cause_time",
            ),
            models.Index(
                fields=("disposition", "-invite_time"),
                condition=~models.Q(disposition="ANSWERED"),
                name="cdrs_disposition_time",
            ),
            models.Index(
                fields=("-invite_time",), condition=Quality.POOR.condition, name="cdrs_poor_quality_time"
            ),
            models.Index(
                fields=("-invite_time",), condition=Quality.FAIR.condition, name="cdrs_fair_quality_time"
            ),
            models.Index(fields=("caller_number", "-invite_time"), opclasses=_OF_NUMBER, name="cdrs_caller"),
            models.Index(
                fields=("account", "caller_number", "-invite_time"),
                opclasses=_OF_ACCOUNT_NUMBER,
                name="cdrs_account_caller",
            ),
            models.Index(fields=("callee_number", "-invite_time"), opclasses=_OF_NUMBER, name="cdrs_callee"),
            models.Index(
                fields=("account", "callee_number", "-invite_time"),
                opclasses=_OF_ACCOUNT_NUMBER,
                name="cdrs_account_callee",
            ),
        )
        constraints = (models.UniqueConstraint(fields=("call_id",), name="cdrs_call_id_unique"),)

    def __str__(self) -> str:
        return f"{self.caller_number} → {self.callee_number} {self.invite_time:%Y-%m-%d %H:%M:%S}"


class DailyRollup(models.Model):
    """The figures of one day, of one account or of all: what the report reads in place of the day's calls.

    A copy that can be made again from the calls (`cdrs.rollup`), until they are pruned: then it is ``sealed``.
    """

    day = models.DateField()
    account = models.ForeignKey(
        Account,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="Empty: all calls of the day.",
    )
    figures = models.JSONField(help_text="See cdrs.figures.Figures.")
    sealed = models.BooleanField(default=False, help_text="The calls of the day are gone.")

    class Meta:
        db_table = "cdr_days"
        ordering = ("day",)
        verbose_name = "day of calls"
        verbose_name_plural = "days of calls"
        indexes = (models.Index(fields=("account", "day"), name="cdr_days_account_day"),)
        constraints = (
            models.UniqueConstraint(fields=("day", "account"), name="cdr_days_day_account"),
            models.UniqueConstraint(
                fields=("day",), condition=models.Q(account__isnull=True), name="cdr_days_day_of_all"
            ),
        )

    def __str__(self) -> str:
        return f"{self.day}"


class Recording(models.Model):
    """A recorded call, or a part of one; the sound is a file below RECORDINGS_PATH.

    Rows are written with the record of their call (`cdrs.recordings.rows`), and outlive it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cdr = models.ForeignKey(
        CDR, on_delete=models.DO_NOTHING, db_constraint=False, related_name="recordings", verbose_name="call"
    )
    account = models.ForeignKey(
        Account,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    caller_number = models.CharField("caller number", max_length=128, blank=True)
    callee_number = models.CharField("called number", max_length=128, blank=True)
    began_at = models.DateTimeField("began")
    duration_ms = models.BigIntegerField("length", null=True, help_text="Empty: not known.")
    size_bytes = models.BigIntegerField("size", null=True, help_text="Empty: not known.")
    state = models.CharField(max_length=16, choices=RecordingState.choices)
    detail = models.CharField(max_length=200, blank=True, help_text="Why it was interrupted or failed.")
    file = models.CharField(max_length=300, help_text="Below RECORDINGS_PATH.")
    rtp_manager = models.CharField("RTP manager", max_length=128, blank=True)

    class Meta:
        db_table = "recordings"
        ordering = ("-began_at", "-id")
        indexes = (
            models.Index(fields=("-began_at",), name="recordings_time"),
            models.Index(fields=("account", "-began_at"), name="recordings_account_time"),
        )

    def __str__(self) -> str:
        return f"{self.caller_number} → {self.callee_number} {self.began_at:%Y-%m-%d %H:%M:%S}"
