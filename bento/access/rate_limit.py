"""How many requests a client may make in a second."""

import time
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class RateLimit:
    """A token bucket a client: `per_second` requests a second, and as many at once after a pause.

    The least recent clients are forgotten beyond `clients`, so that addresses cannot fill the memory.
    """

    def __init__(self, per_second: float, clients: int = 10_000) -> None:
        self._rate, self._clients = per_second, clients
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __bool__(self) -> bool:
        """Whether there is a limit."""
        return bool(self._rate)

    def admits(self, client: str, now: float | None = None) -> bool:
        """Takes one token of the client's, if there is one. `now` in seconds of a monotonic clock."""
        if not self._rate:
            return True
        now = time.monotonic() if now is None else now
        most = max(self._rate, 1.0)
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = _Bucket(most, now)
            if len(self._buckets) > self._clients:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(client)
        bucket.tokens = min(most, bucket.tokens + (now - bucket.filled_at) * self._rate)
        bucket.filled_at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
