# SPDX-License-Identifier: Apache-2.0
"""Every figure that Switchboard shows to Prometheus: name, kind, labels and meaning, once.

What is shown, docs/metrics.md, the alert rules and the dashboard are checked against this list. Names and labels are
contracts: adding is free, renaming is not. No label ever holds what a caller chooses, so none grows without bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]
Role = Literal["signaling", "rtpmanager", "ui", "cdr"]

SETUP_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LAG_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
JITTER_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
DURATION_S: Final = (1, 5, 15, 30, 60, 180, 600, 1800, 3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure."""

    name: str
    kind: Kind
    help: str
    roles: tuple[Role, ...]
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, rising, without +Inf."""


def _signaling(
    name: str, kind: Kind, help: str, labels: tuple[str, ...] = (), buckets: tuple[float, ...] = ()
) -> Metric:
    return Metric(name=name, kind=kind, help=help, roles=("signaling",), labels=labels, buckets=buckets)


def _rtpmanager(
    name: str, kind: Kind, help: str, labels: tuple[str, ...] = (), buckets: tuple[float, ...] = ()
) -> Metric:
    return Metric(name=name, kind=kind, help=help, roles=("rtpmanager",), labels=labels, buckets=buckets)


def _cdr(name: str, kind: Kind, help: str, labels: tuple[str, ...] = ()) -> Metric:
    return Metric(name=name, kind=kind, help=help, roles=("cdr",), labels=labels)


METRICS: Final = (
    # --- Calls ------------------------------------------------------------------------------------------------------
    _signaling(
        "switchboard_calls", "gauge", "Calls now, by how far they have come.", labels=("state", "direction")
    ),
    _signaling(
        "switchboard_calls_started_total", "counter", "Calls received, by who asked for them.", ("origin",)
    ),
    _signaling(
        "switchboard_calls_ended_total",
        "counter",
        "Calls ended, by what became of them and why.",
        labels=("direction", "disposition", "reason"),
    ),
    _signaling(
        "switchboard_call_setup_seconds",
        "histogram",
        "Time from the INVITE to a stage: trying (our 100), ringing, answer, media (the first RTP packet).",
        labels=("stage",),
        buckets=SETUP_S,
    ),
    _signaling(
        "switchboard_call_duration_seconds",
        "histogram",
        "Time from answer to end of the calls that were answered.",
        buckets=DURATION_S,
    ),
    _signaling("switchboard_stopping", "gauge", "1 while the node refuses new calls because it stops."),
    # --- SIP --------------------------------------------------------------------------------------------------------
    _signaling(
        "switchboard_sip_requests_total",
        "counter",
        "SIP requests on the wire, repeated ones included.",
        labels=("direction", "method"),
    ),
    _signaling(
        "switchboard_sip_responses_total",
        "counter",
        "SIP responses on the wire, repeated ones included.",
        labels=("direction", "status_class"),
    ),
    _signaling(
        "switchboard_sip_transactions", "gauge", "SIP transactions in memory, by side.", labels=("side",)
    ),
    _signaling("switchboard_sip_dialogs", "gauge", "SIP dialogs in memory."),
    _signaling(
        "switchboard_sip_connections",
        "gauge",
        "Connections now, by transport: tcp, and tls where it is served.",
        labels=("transport",),
    ),
    _signaling(
        "switchboard_tls_handshakes_total",
        "counter",
        "TLS handshakes that were done, failed, or were refused because too many were under way; "
        "absent without SIP_TLS_CERT.",
        labels=("outcome",),
    ),
    _signaling(
        "switchboard_tls_certificate_expiry_seconds",
        "gauge",
        "When the certificate of SIP over TLS expires, in seconds since the epoch; absent without SIP_TLS_CERT.",
    ),
    _signaling(
        "switchboard_registrations", "gauge", "Bindings of phones: one per address of record and contact."
    ),
    _signaling(
        "switchboard_registration_events_total",
        "counter",
        "Bindings made, refreshed, removed and expired.",
        labels=("event",),
    ),
    _signaling("switchboard_bans", "gauge", "Sources from which this node reads nothing."),
    _signaling(
        "switchboard_ban_refused_total", "counter", "Datagrams and connections refused because of a ban."
    ),
    # --- Media as signaling sees it ---------------------------------------------------------------------------------
    _signaling("switchboard_sessions_created_total", "counter", "Media sessions made."),
    _signaling(
        "switchboard_session_packets_total",
        "counter",
        "RTP packets of ended media sessions, seen from the RTP manager.",
        labels=("direction",),
    ),
    _signaling(
        "switchboard_session_packets_lost_total",
        "counter",
        "RTP packets that phones sent in ended media sessions and that did not arrive.",
    ),
    _signaling(
        "switchboard_session_jitter_seconds",
        "histogram",
        "Interarrival jitter of ended media sessions (RFC 3550).",
        buckets=JITTER_S,
    ),
    _signaling(
        "switchboard_sessions_silent_total",
        "counter",
        "Reports that a phone sent no RTP for the configured time.",
    ),
    _signaling(
        "switchboard_rtpmanager_healthy",
        "gauge",
        "1 when the RTP manager can be used.",
        labels=("rtp_manager",),
    ),
    _signaling(
        "switchboard_rtpmanager_sessions",
        "gauge",
        "Media sessions of an RTP manager.",
        labels=("rtp_manager",),
    ),
    _signaling(
        "switchboard_rtpmanager_ports_left",
        "gauge",
        "Sessions for which an RTP manager has ports left, as it last said.",
        labels=("rtp_manager",),
    ),
    # --- Records ----------------------------------------------------------------------------------------------------
    _signaling("switchboard_cdr_unwritten", "gauge", "Journal entries that wait for the disk."),
    _signaling("switchboard_cdr_backlog", "gauge", "Journalled records that wait for the database."),
    _signaling(
        "switchboard_cdr_lost_total", "counter", "Records dropped because the disk refused them for too long."
    ),
    _signaling(
        "switchboard_cdr_problem",
        "gauge",
        "1 while the stage (journal, delivery) cannot do its work.",
        labels=("stage",),
    ),
    # --- Redis ------------------------------------------------------------------------------------------------------
    _signaling("switchboard_redis_connected", "gauge", "1 while Redis answers; absent without REDIS_ADDR."),
    _signaling("switchboard_redis_outages_total", "counter", "Times that Redis was found to be away."),
    _signaling(
        "switchboard_redis_reads_late_total", "counter", "Questions that Redis did not answer in time."
    ),
    _signaling(
        "switchboard_redis_commands_total",
        "counter",
        "Commands that Redis took, refused, or that were dropped because too many waited.",
        labels=("outcome",),
    ),
    # --- Services ---------------------------------------------------------------------------------------------------
    _signaling(
        "switchboard_dependency_up",
        "gauge",
        "1 while a service that calls can do without is there.",
        labels=("dependency",),
    ),
    _signaling("switchboard_events_published_total", "counter", "Events that NATS has confirmed."),
    _signaling("switchboard_events_waiting", "gauge", "Events that wait for NATS."),
    _signaling(
        "switchboard_events_dropped_total",
        "counter",
        "Events that never reached NATS, because too many were waiting.",
    ),
    # --- RTP managers -----------------------------------------------------------------------------------------------
    _rtpmanager("switchboard_rtp_sessions", "gauge", "Media sessions now.", labels=("state",)),
    _rtpmanager("switchboard_rtp_ports_left", "gauge", "Sessions for which ports are left."),
    _rtpmanager("switchboard_rtp_healthy", "gauge", "1 while the engine works and new sessions are taken."),
    _rtpmanager(
        "switchboard_rtp_packets_total", "counter", "RTP packets, running sessions included.", ("direction",)
    ),
    _rtpmanager(
        "switchboard_rtp_bytes_total",
        "counter",
        "Octets of those packets, RTP headers included.",
        ("direction",),
    ),
    _rtpmanager(
        "switchboard_rtp_dropped_total",
        "counter",
        "Datagrams dropped: from hosts that may not speak, or no RTP.",
    ),
    _rtpmanager("switchboard_rtp_srtp_sessions", "gauge", "Media sessions now that are encrypted."),
    _rtpmanager(
        "switchboard_rtp_srtp_dropped_total",
        "counter",
        "Datagrams of encrypted sessions dropped: not of their key, or taken before.",
        ("reason",),
    ),
    _rtpmanager(
        "switchboard_rtp_packets_lost_total", "counter", "RTP packets of ended sessions that did not arrive."
    ),
    _rtpmanager(
        "switchboard_rtp_jitter_seconds",
        "histogram",
        "Interarrival jitter of ended sessions (RFC 3550).",
        buckets=JITTER_S,
    ),
    # --- The consumer of call records -------------------------------------------------------------------------------
    _cdr("switchboard_cdr_stored_total", "counter", "Records taken from the stream and stored."),
    _cdr(
        "switchboard_cdr_refused_total", "counter", "Records that can never be stored: see the dead letters."
    ),
    _cdr(
        "switchboard_cdr_pending", "gauge", "Records in the stream that nobody stored yet, as NATS last said."
    ),
    _cdr(
        "switchboard_cdr_part_up",
        "gauge",
        "1 while a part (nats, database) that records need does its work.",
        labels=("part",),
    ),
    # --- The web ----------------------------------------------------------------------------------------------------
    Metric(
        name="switchboard_database_seconds",
        kind="gauge",
        help="Time that the database took for the smallest question, in seconds.",
        roles=("ui",),
    ),
    # --- Every event loop -------------------------------------------------------------------------------------------
    Metric(
        name="switchboard_event_loop_lag_seconds",
        kind="histogram",
        help="How much later than asked the event loop comes back to a timer.",
        roles=("signaling", "rtpmanager"),
        buckets=LAG_S,
    ),
)
CATALOGUE: Final = {metric.name: metric for metric in METRICS}


def of_role(role: Role) -> tuple[Metric, ...]:
    """Return the figures that a role shows."""
    return tuple(metric for metric in METRICS if role in metric.roles)
