# SPDX-License-Identifier: Apache-2.0
"""The configuration of a signaling node, built once from the settings; nothing below reads them again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media.control.security import GrpcSecurity
from signaling.authentication import AuthenticationConfig
from signaling.bans.keeper import BanConfig
from signaling.bans.networks import Networks
from signaling.bans.warden import WardenConfig
from signaling.calls.manager import CallCaps
from signaling.calls.ports import CallLimits
from signaling.guard import GuardConfig
from signaling.live.service import LiveConfig
from signaling.registrar import RegistrarConfig
from signaling.shared.config import SharingConfig
from signaling.sip.endpoint_requests import EndpointLimits
from signaling.sip.parser import ParseLimits
from signaling.sip.session_headers import SessionPolicy
from signaling.sip.timers import SipTimers
from signaling.strangers import StrangerConfig
from signaling.transport.certificate import TlsFiles
from signaling.transport.config import TransportConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalingConfig:
    """Everything that a signaling node can be told."""

    node_id: str
    default_domain: str
    poll_s: float
    dialplan_path: Path | None
    journal_directory: Path
    nats_url: str
    """Where events and call records go; empty: records go into the database."""
    nats_events_waiting: int
    rtpmanagers: tuple[tuple[str, str], ...]
    grpc_security: GrpcSecurity
    nonce_secret: bytes
    transport: TransportConfig
    timers: SipTimers
    endpoint: EndpointLimits
    parse: ParseLimits
    guard: GuardConfig
    warden: WardenConfig
    bans: BanConfig
    never_banned: Networks
    authentication: AuthenticationConfig
    registrar: RegistrarConfig
    caps: CallCaps
    pickup_s: float
    """How long an earlier process may have been away for its calls to go on; 0: they never do."""
    keeps_calls: bool
    """Whether a stop leaves established calls to the next process."""
    limits: CallLimits
    sessions: SessionPolicy
    """How long the sessions of dialogs last without a refresh."""
    live: LiveConfig
    sharing: SharingConfig | None
    """What several nodes share; None: each node is by itself."""

    @classmethod
    def from_settings(cls, settings: Any) -> SignalingConfig:
        """Return the configuration that the settings describe."""
        parse = ParseLimits(
            max_message_bytes=settings.SIP_MAX_MESSAGE_BYTES, max_headers=settings.SIP_MAX_HEADERS
        )
        return cls(
            node_id=settings.SIGNALING_NODE_ID,
            default_domain=settings.DEFAULT_DOMAIN,
            poll_s=settings.CONFIG_POLL_S,
            dialplan_path=settings.DIALPLAN_PATH,
            journal_directory=settings.VAR_DIR / "journal",
            nats_url=settings.NATS_URL,
            nats_events_waiting=settings.NATS_EVENTS_WAITING,
            rtpmanagers=settings.RTPMANAGER_ADDRS,
            grpc_security=GrpcSecurity.from_settings(settings),
            nonce_secret=settings.SECRET_KEY.encode(),
            transport=TransportConfig(
                bind=settings.SIP_BIND,
                port=settings.SIP_PORT,
                advertise=settings.ADVERTISE,
                limits=parse,
                tcp_idle_s=settings.SIP_TCP_IDLE_S,
                tcp_first_message_s=settings.SIP_TCP_FIRST_MESSAGE_S,
                tcp_max_connections=settings.SIP_TCP_MAX_CONNECTIONS,
                tcp_max_per_source=settings.SIP_TCP_MAX_PER_SOURCE,
                tcp_write_buffer_bytes=settings.SIP_TCP_WRITE_BUFFER_BYTES,
                tcp_connect_timeout_s=settings.SIP_TCP_CONNECT_TIMEOUT_S,
                udp_receive_buffer_bytes=settings.SIP_UDP_RECEIVE_BUFFER_BYTES,
                dns_timeout_s=settings.DNS_TIMEOUT_S,
                tls=TlsFiles.from_settings(settings),
                tls_port=settings.SIP_TLS_PORT,
                tls_max_connections=settings.SIP_TLS_MAX_CONNECTIONS,
                tls_handshake_s=settings.SIP_TLS_HANDSHAKE_S,
                tls_handshakes_per_s=settings.SIP_TLS_HANDSHAKES_PER_SECOND,
                tls_half_open_per_source=settings.SIP_TLS_HALF_OPEN_PER_SOURCE,
            ),
            timers=SipTimers(t1=settings.SIP_T1_S),
            endpoint=EndpointLimits(
                max_server_transactions=settings.SIP_MAX_TRANSACTIONS,
                max_server_transactions_per_source=settings.SIP_MAX_TRANSACTIONS_PER_SOURCE,
            ),
            parse=parse,
            guard=GuardConfig(
                requests_per_second_per_source=settings.REQUESTS_PER_SECOND_PER_SOURCE,
                auth_failures_per_minute=settings.AUTH_FAILURES_PER_MINUTE,
                password_guesses_per_day=settings.PASSWORD_GUESSES_PER_DAY,
                strangers=StrangerConfig(
                    per_path=settings.REFUSALS_PER_PATH,
                    per_address=settings.REFUSALS_PER_ADDRESS,
                    per_second=settings.REFUSALS_PER_SECOND,
                ),
                trust_s=2.0 * settings.REGISTRATION_MAX_S,
            ),
            warden=WardenConfig(
                failures=settings.BAN_AFTER_FAILURES,
                window_s=settings.BAN_WINDOW_S,
                unanswered=settings.REFUSALS_PER_PATH,
                trust_s=2.0 * settings.REGISTRATION_MAX_S,
            ),
            bans=BanConfig(
                node_id=settings.SIGNALING_NODE_ID, first_s=settings.BAN_S, longest_s=settings.BAN_MAX_S
            ),
            never_banned=Networks(settings.BAN_NEVER),
            authentication=AuthenticationConfig.from_settings(settings),
            registrar=RegistrarConfig.from_settings(settings),
            caps=CallCaps(
                node=settings.MAX_CALLS,
                per_user=settings.MAX_CALLS_PER_USER,
                per_second_per_user=settings.CALLS_PER_SECOND_PER_USER,
                per_second_per_account=settings.CALLS_PER_SECOND_PER_ACCOUNT,
            ),
            pickup_s=settings.CALL_PICKUP_S,
            keeps_calls=settings.CALLS_ON_STOP == "keep",
            limits=CallLimits(
                max_ringing_s=settings.MAX_RINGING_S,
                max_call_s=settings.MAX_CALL_S,
                media_recovery_s=settings.MEDIA_RECOVERY_S,
            ),
            sessions=SessionPolicy(
                expires_s=settings.SESSION_EXPIRES_S,
                min_se_s=settings.SESSION_MIN_SE_S,
                refreshes_all=settings.SESSION_REFRESH == "all",
            ),
            live=LiveConfig.from_settings(settings),
            sharing=SharingConfig.from_settings(settings),
        )
