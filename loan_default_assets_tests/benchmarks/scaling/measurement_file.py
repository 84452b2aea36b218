"""What one measurement of a stage gave, and the files of all measurements, which an interrupted run goes on from."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "docs" / "scaling.jsonl"
GPU_FINDINGS = ROOT / "docs" / "scaling-gpu.jsonl"
_UNITS = {"k": 1_000, "M": 1_000_000}


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One stage at one number of rows.

    Attributes:
        stage: Name of the stage.
        rows: Rows that were asked for, the key of the measurement.
        done: Rows that the stage worked on.
        workers: Processes at once.
        version: Hash of the sources that the stage depends on.
        wall: Seconds from start to end.
        user: Processor seconds in the processes' own code.
        system: Processor seconds of the kernel for these processes.
        server: Processor seconds of PostgreSQL.
        base: Resident memory of the processes together before they begin, bytes.
        peak: Peak resident memory of the processes together, bytes.
        server_peak: Peak memory of PostgreSQL, bytes, its shared memory counted once.
        stored: Bytes that the database grew by, indexes included and its log not.
        others: Cores that other programs used meanwhile, a mean.
        cores: Cores of the machine.
        memory: Bytes of memory of the machine.
        day: When it was measured, ISO date.
        facts: Figures of this stage alone.
    """

    stage: str
    rows: int
    done: int
    workers: int
    version: str
    wall: float
    user: float
    system: float
    server: float
    base: int
    peak: int
    server_peak: int
    stored: int
    others: float
    cores: int
    memory: int
    day: str
    facts: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def cpu(self) -> float:
        """Processor seconds of the processes and of PostgreSQL together."""
        return self.user + self.system + self.server


class MeasurementFile:
    """Measurements as lines of JSON; the last one of a stage, a number of rows and of workers counts."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Measurement]:
        """The measurements that count, by stage, rows and workers."""
        lines = self._path.read_text("utf-8").splitlines() if self._path.exists() else []
        found: dict[tuple[str, int, int], Measurement] = {}
        for line in lines:
            try:
                measured = Measurement(**json.loads(line))
            except json.JSONDecodeError:
                # The line of a run that was killed while it wrote.
                continue
            found[measured.stage, measured.rows, measured.workers] = measured
        return [found[key] for key in sorted(found)]

    def missing(
        self, jobs: Iterable[tuple[str, int, int]], versions: Mapping[str, str]
    ) -> list[tuple[str, int, int]]:
        """The jobs (stage, rows, workers) without a measurement of the present version of the code, in order."""
        stored = {(each.stage, each.rows, each.workers): each.version for each in self.read()}
        return [job for job in jobs if stored.get(job) != versions[job[0]]]

    def append(self, measured: Measurement) -> None:
        """Add a measurement."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        broken = self._path.exists() and not self._path.read_bytes().endswith(b"\n")
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" * broken + json.dumps(asdict(measured), sort_keys=True) + "\n")


def row_count(text: str) -> int:
    """Number of rows of a size such as 300k or 10M.

    Examples:
        >>> row_count("300k"), row_count("10M"), row_count("500")
        (300000, 10000000, 500)
    """
    return int(text[:-1]) * _UNITS[text[-1]] if text[-1] in _UNITS else int(text)
