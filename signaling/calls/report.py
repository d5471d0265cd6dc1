# SPDX-License-Identifier: Apache-2.0
"""The record of a call: what is known at its start, and what its media counted."""

from __future__ import annotations

from cdrs.record import CallRecord, estimate_mos, new_record_id
from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls.ports import CallRequest, CallServices
from signaling.calls.tally import CALLEE, CALLER, MediaReport


def start_record(request: CallRequest, services: CallServices) -> CallRecord:
    """Return the record of a call that begins now."""
    now = services.wall()
    return CallRecord(
        id=new_record_id(now, services.random_bytes(10)),
        call_id=request.sip_call_id,
        invite_time=now,
        account_id=request.account.id,
        caller_user_id=request.caller.id,
        caller_number=request.caller.extension,
        caller_name=request.caller.display_name,
        caller_ip=request.caller_ip,
        callee_number=request.destination,
        signaling_server=services.node_id,
    )


def apply_media(record: CallRecord, report: MediaReport) -> None:
    """Put the quality figures of both legs into the record; it keeps its defaults when nothing was counted."""
    record.codec = report.codec
    if report.srtp:
        counted = {CALLER: report.caller, CALLEE: report.callee}
        record.metadata["srtp"] = {leg: _srtp(suite, counted[leg]) for leg, suite in report.srtp.items()}
    legs = [stats for stats in (report.caller, report.callee) if stats is not None]
    if report.caller is not None:
        record.rtp_packets_sent = report.caller.packets_sent
        record.rtp_packets_recv = report.caller.packets_received
    heard = [stats for stats in legs if stats.packets_received]
    if not heard:
        return
    record.rtp_packets_lost = sum(stats.packets_lost for stats in heard)
    record.rtp_jitter_ms = round(max(stats.jitter_ms for stats in heard), 3)
    record.mos_score = min(
        estimate_mos(
            stats.packets_lost / (stats.packets_lost + stats.packets_received), stats.jitter_ms, report.codec
        )
        for stats in heard
    )


def _srtp(suite: str, stats: pb.SessionStats | None) -> dict[str, str | int]:
    """Return how a leg was encrypted, and what was dropped of it when anything was."""
    shown: dict[str, str | int] = {"suite": suite}
    if stats is not None and stats.srtp_unauthenticated:
        shown["unauthenticated"] = stats.srtp_unauthenticated
    if stats is not None and stats.srtp_replayed:
        shown["replayed"] = stats.srtp_replayed
    return shown
