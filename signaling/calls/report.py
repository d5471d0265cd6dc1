# SPDX-License-Identifier: Apache-2.0
"""The record of a call: what is known at its start, and what its media counted."""

from __future__ import annotations

from cdrs.record import CallRecord, estimate_mos, new_record_id
from signaling.calls.ports import CallRequest, CallServices
from signaling.calls.tally import MediaReport


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
