"""When records are delivered: soon after a quiet time, then collected, and at once where the spool fills."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bento.prediction_log import shipper as shipper_module
from bento.prediction_log.shipper import Shipper
from bento.prediction_log.spool import Spool

LIMIT = 4000


class Deliveries:
    """A spool whose shipper keeps what it delivers."""

    def __init__(self, folder: Path) -> None:
        self.made: list[list[bytes]] = []
        self._arrived = threading.Semaphore(0)
        self.spool = Spool(folder, LIMIT)
        self.shipper = Shipper(self.spool, self._deliver, lambda record, reason: True)

    def _deliver(self, records: Sequence[bytes]) -> None:
        self.made.append(list(records))
        self._arrived.release()

    def append(self, record: bytes) -> None:
        self.spool.append([record])
        self.shipper.wake()

    def awaited(self, seconds: float) -> bool:
        """Whether there was another delivery."""
        return self._arrived.acquire(timeout=seconds)


@pytest.fixture
def deliveries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deliveries]:
    monkeypatch.setattr(shipper_module, "LINGER_SECONDS", 0.01)
    # Longer than any test waits: what is delivered was not delivered by the end of this time.
    monkeypatch.setattr(shipper_module, "COLLECT_SECONDS", 3600.0)
    made = Deliveries(tmp_path / "spool")
    yield made
    made.shipper.stop(5)
    made.spool.close()


def test_records_that_follow_a_delivery_are_collected(deliveries: Deliveries) -> None:
    deliveries.append(b"first")
    assert deliveries.awaited(30)
    for number in range(5):
        deliveries.append(b"later-%d" % number)
    assert not deliveries.awaited(0.3)
    deliveries.shipper.stop(5)
    assert deliveries.made == [[b"first"], [b"later-%d" % number for number in range(5)]]


def test_a_spool_that_fills_is_delivered_at_once(deliveries: Deliveries) -> None:
    deliveries.append(b"first")
    assert deliveries.awaited(30)
    deliveries.append(b"x" * (LIMIT // 4))
    assert deliveries.awaited(30)
    assert deliveries.made == [[b"first"], [b"x" * (LIMIT // 4)]]
