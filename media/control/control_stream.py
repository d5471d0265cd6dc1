# SPDX-License-Identifier: Apache-2.0
"""The Control stream: batches in, their replies and the client's events out.

It must not know what the requests mean. A stream ends only when its transport does, or when a client breaks the
protocol.
"""

from __future__ import annotations

import itertools
import logging
from typing import Any

from media.control.control_clients import ControlClient, ControlClients
from media.control.errors import ErrorCode, MediaError, Reason
from media.control.gen import rtpmanager_pb2 as pb
from media.control.grpc_setup import EOF, grpc
from media.control.manager import SessionManager
from media.control.verbs import INTERNAL_ERROR, VerbRunner

log = logging.getLogger(__name__)

MAX_CLIENT_ID_CHARACTERS = 128


class ControlStreams:
    """Serves the streams of all clients."""

    def __init__(self, manager: SessionManager, runner: VerbRunner, clients: ControlClients) -> None:
        self._manager = manager
        self._runner = runner
        self._clients = clients
        self._anonymous = itertools.count(1)

    async def serve(self, request_iterator: object, context: Any) -> None:
        """Serve one stream; the signature is gRPC's."""
        batch = await context.read()
        if batch is EOF:
            return
        client_id = batch.client_id[:MAX_CLIENT_ID_CHARACTERS] or f"stream-{next(self._anonymous)}"
        client = self._clients.get(client_id)
        node_id, boot_id = self._manager.config.node_id, self._manager.boot_id
        await context.write(pb.ControlReplyBatch(node_id=node_id, boot_id=boot_id))
        client.connect(context)
        log.info("control client %s connected", client_id)
        try:
            while batch is not EOF:
                await self._execute_batch(client, batch, context)
                batch = await context.read()
        finally:
            if client.disconnect(context):
                log.info("control client %s is gone", client_id)

    async def _execute_batch(
        self, client: ControlClient, batch: pb.ControlRequestBatch, context: Any
    ) -> None:
        limit = self._manager.config.max_batch
        if len(batch.requests) > limit:
            detail = f"more than {limit} requests in a batch"
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, detail)
        replies = pb.ControlReplyBatch(batch_id=batch.batch_id)
        for request in batch.requests:
            self._execute(request, replies.replies.add(), client.client_id)
        if batch.batch_id:
            await client.reply(replies)

    def _execute(self, request: pb.ControlRequest, reply: pb.ControlReply, owner: str) -> None:
        kind = request.WhichOneof("request")
        try:
            if kind is None:
                raise EMPTY_REQUEST
            self._runner.run(kind, getattr(request, kind), getattr(reply, kind), owner)
        except MediaError as error:
            _fill_error(error, reply)
        except Exception:
            log.exception("%s failed", kind)
            _fill_error(INTERNAL_ERROR, reply)


EMPTY_REQUEST = MediaError(
    ErrorCode.INVALID_ARGUMENT, "the request is empty or of an unknown kind", Reason.BAD_REQUEST
)


def _fill_error(error: MediaError, reply: pb.ControlReply) -> None:
    reply.Clear()
    reply.code = int(error.code)
    reply.detail = error.detail
    reply.reason = error.reason.value
