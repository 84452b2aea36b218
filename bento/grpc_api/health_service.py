"""The gRPC health service, with a `Watch` that ends when the server stops; see docs/decisions/grpc-server.md."""

import asyncio
from typing import Any

from grpc_health.v1 import health, health_pb2

WATCH_SECONDS = 0.5


class HealthService(health.aio.HealthServicer):
    """The health service of grpcio-health-checking with its own `Watch`, which reads two private attributes.

    The original drops all other watchers of a name when one of them leaves, and a server that stops would wait for open
    watches until its drain time is over.
    """

    async def Watch(self, request: Any, context: Any) -> None:
        """Write the status now and after every change."""
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
