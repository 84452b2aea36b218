"""The gRPC health service, with a `Watch` that ends when the server stops; see docs/decisions/grpc-server.md."""

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2

WATCH_SECONDS = 0.5
# A watch needs no key and has no end, and counts as a call in flight.
MOST_WATCHES = 64


class HealthService(health.aio.HealthServicer):
    """The health service of grpcio-health-checking with its own `Watch`, which reads two private attributes.

    The original drops all other watchers of a name when one of them leaves, and a server that stops would wait for open
    watches until its drain time is over.
    """

    _watches = 0

    async def Watch(self, request: Any, context: Any) -> None:
        """Write the status now and after every change; RESOURCE_EXHAUSTED with `MOST_WATCHES` watches open."""
        if self._watches >= MOST_WATCHES:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watches are open; use Check")
        self._watches += 1
        try:
            await self._write_changes(request, context)
        finally:
            self._watches -= 1

    async def _write_changes(self, request: Any, context: Any) -> None:
        written, stopping = None, False
        while not stopping:
            stopping = self._gracefully_shutting_down
            unknown = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
            status = self._server_status.get(request.service, unknown)
            if status != written:
                await context.write(health_pb2.HealthCheckResponse(status=status))
                written = status
            if not stopping:
                await asyncio.sleep(WATCH_SECONDS)
