# SPDX-License-Identifier: Apache-2.0
"""Bans as rows: one for each network, which also remembers how often it was banned before.

Running nodes read the rows whenever the revision counter of the topic says that one changed; the counts of what was
refused are written past that counter.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from simple_history.models import HistoricalRecords

from accounts.revision import RevisionedModel, RevisionedQuerySet
from signaling.bans.networks import SHORTEST, Networks, canonical, covering, parse_network
from signaling.configuration import BANS

COMMAND = "manage.py"
"""Who bans from the shell."""


class Origin(models.TextChoices):
    """Who decides."""

    AUTOMATIC = "automatic", "By itself"
    MANUAL = "manual", "By hand"


class BanQuerySet(RevisionedQuerySet["Ban"]):
    """Bans, those in force and those that ended."""

    def in_force(self) -> BanQuerySet:
        """Return those that have not ended."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))

    def ended(self) -> BanQuerySet:
        """Return those that have."""
        return self.filter(expires_at__lte=timezone.now())

    def of_address(self, ip: str) -> BanQuerySet:
        """Return those whose network holds an address.

        Raises:
            ValueError: it is no address.
        """
        return self.filter(network__in=covering(ip))


def validate_network(text: str) -> None:
    """Accept an address or network that may be banned.

    Raises:
        ValidationError: it is none, too large, or never banned.
    """
    try:
        network = parse_network(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error
    shortest = SHORTEST[network.version]
    if network.prefixlen < shortest:
        raise ValidationError(f"{network} is too much at once: /{shortest} is the largest network.")
    never = Networks(settings.BAN_NEVER).around(network)
    if never is not None:
        raise ValidationError(
            f"{canonical(network)} is never banned: the setting BAN_NEVER holds {canonical(never)}."
        )


class Ban(RevisionedModel):
    """A network from which the signaling nodes read nothing."""

    revision_topic = BANS

    begins = False
    """Whether the next save makes the ban begin, and does not just change it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    network = models.CharField(
        "source",
        max_length=43,
        unique=True,
        validators=[validate_network],
        help_text="An address such as 203.0.113.7, or a network such as 203.0.113.0/24 or 2001:db8:1:2::/64.",
        error_messages={"unique": "This source has a ban already: change that one."},
    )
    reason = models.CharField(max_length=200, help_text="Why, for whoever reads the list later.")
    origin = models.CharField(
        max_length=16, choices=Origin.choices, default=Origin.MANUAL, editable=False, verbose_name="decided"
    )
    banned_by = models.CharField(
        max_length=150, blank=True, editable=False, help_text="A login, manage.py, or a signaling node."
    )
    banned_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(
        null=True, blank=True, db_index=True, help_text="Empty: until it is lifted."
    )
    offences = models.PositiveIntegerField(
        default=0, editable=False, help_text="How often nodes have banned this source by themselves."
    )
    refused = models.BigIntegerField(
        default=0, editable=False, help_text="Datagrams and connections refused since it was banned."
    )
    last_refused_at = models.DateTimeField(null=True, blank=True, editable=False)
    history = HistoricalRecords(table_name="bans_history", excluded_fields=["refused", "last_refused_at"])

    objects = BanQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        db_table = "bans"
        ordering = ("-banned_at",)

    def __str__(self) -> str:
        return self.network

    def clean_fields(self, exclude: object = None) -> None:
        """Write the network in the one form that is compared, so that it is found to be there already."""
        try:
            self.network = canonical(parse_network(self.network))
        except ValueError:
            self.network = self.network.strip()
        super().clean_fields(exclude=exclude)  # type: ignore[arg-type]

    def clean(self) -> None:
        """Refuse a ban that has ended before it begins.

        Raises:
            ValidationError: it would.
        """
        if self.begins and self.expires_at is not None and self.expires_at <= timezone.now():
            raise ValidationError({"expires_at": "This time has passed."})

    @property
    def in_force(self) -> bool:
        """Whether it has not ended."""
        return self.expires_at is None or self.expires_at > timezone.now()


def row_for(text: str) -> Ban:
    """Return the row in which a person's new ban of a network is to be written, as it is before that.

    It is the row of an ended ban of the same network, so that earlier offences stay known; else a new one. A network
    that makes no sense, or is banned, gets a new row, which the model's checks then refuse.
    """
    try:
        network = canonical(parse_network(text))
    except ValueError:
        network = text
    row = Ban.objects.ended().filter(network=network).first() or Ban(network=network)
    row.begins = True
    row.origin = Origin.MANUAL
    row.banned_at = timezone.now()
    row.expires_at = row.last_refused_at = None
    row.refused = 0
    return row
