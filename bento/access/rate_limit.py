"""The number of requests per second that a client may make."""

import time
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class RateLimit:
    """A token bucket per client: `per_second` requests per second, and a burst of the same size after a pause.

    Only the `clients` most recent clients are kept, so that addresses cannot fill the memory.
    """

    def __init__(self, per_second: float, clients: int = 10_000) -> None:
        self._rate, self._clients = per_second, clients
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __bool__(self) -> bool:
        """Whether there is a limit."""
        return bool(self._rate)

    def admits(self, client: str, now: float | None = None) -> bool:
        """Take one of the client's tokens; False when it has none.

        Args:
            client: A key or an address.
            now: Seconds of a monotonic clock; the current time when omitted.
        """
        if not self._rate:
            return True
        now = time.monotonic() if now is None else now
        capacity = max(self._rate, 1.0)
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = _Bucket(capacity, now)
            if len(self._buckets) > self._clients:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(client)
        bucket.tokens = min(capacity, bucket.tokens + (now - bucket.filled_at) * self._rate)
        bucket.filled_at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
