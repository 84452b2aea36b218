"""The limits of a connection around its requests: bytes and seconds of a request's headers, seconds without a request.

uvicorn has neither of the first two for its faster parser, and BentoML does not pass the third on; see
docs/decisions/http-header-limits.md.
"""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from bento.schemas.problems import HEADERS_TOO_LARGE
from loan_default_assets.settings import Settings

Base: Any = AutoHTTPProtocol


class HeaderLimitedProtocol(Base):
    """uvicorn's protocol, which ends a connection whose next request's headers are too long or take too long.

    A request has its headers when uvicorn replaces `cycle`. Until then its parser keeps what has arrived.
    """

    max_bytes: ClassVar[int]
    seconds: ClassVar[float]
    keep_alive_seconds: ClassVar[int]
    _unfinished = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """The client has until then to send its first request's headers."""
        super().connection_made(transport)
        self.timeout_keep_alive = self.keep_alive_seconds
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived."""
        cycle = self.cycle
        before_headers = cycle is None or cycle.response_complete or not cycle.more_body
        if before_headers and self._timer is None:
            self._start_timer()
        super().data_received(data)
        if self.cycle is not cycle:
            self._unfinished = 0
            self._stop_timer()
        elif before_headers:
            self._unfinished += len(data)
            if self._unfinished > self.max_bytes and not self.transport.is_closing():
                self._refuse()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.seconds, self._expire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            # The headers of the next request follow while this one is being answered.
            self._start_timer()
            return
        self.transport.abort()

    def _refuse(self) -> None:
        body = HEADERS_TOO_LARGE.body()
        head = f"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: {len(body)}\r\n"
        kind = "content-type: application/json\r\nconnection: close\r\n\r\n"
        self.transport.write((head + kind).encode() + body)
        self.transport.close()


def protocol(settings: Settings) -> type[HeaderLimitedProtocol]:
    """The protocol with the limits of the settings."""
    limits = {
        "max_bytes": settings.service_max_header_bytes,
        "seconds": settings.service_header_seconds,
        "keep_alive_seconds": settings.service_keep_alive_seconds,
    }
    return type("ServiceProtocol", (HeaderLimitedProtocol,), limits)
