"""What the benchmark of a GPU found, and the file of its measurements."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class StepSpeed:
    """Speed of one kind of step of one transformer.

    Attributes:
        machine: Name of the GPU, or `CPU` for one thread.
        kind: `pretraining`, `fine-tuning` or `scoring`.
        batch: Rows per step.
        rows_per_second: Median over rounds; on a CPU of processor time.
        share_of_peak: Matrix products per second, as a share of those of one large product in single precision.
        busy: Share of the time in which a kernel ran; None on a CPU.
    """

    machine: str
    kind: str
    batch: int
    rows_per_second: float
    share_of_peak: float
    busy: float | None


@dataclass(frozen=True)
class EpochCost:
    """One epoch of one transformer, called as the chain calls it.

    Attributes:
        machine: Name of the GPU, or `CPU` for one thread.
        kind: `pretraining` or `fine-tuning`.
        rows: Rows of the epoch.
        seconds: Wall seconds, the encoding of the rows included; on a CPU processor seconds.
        peak: Most memory of the GPU in use, bytes; 0 on a CPU.
    """

    machine: str
    kind: str
    rows: int
    seconds: float
    peak: int


@dataclass(frozen=True)
class DeviceFit:
    """One classifier trained with the default settings, and its measures on the window.

    Attributes:
        machine: Name of the GPU that trained its transformers, or `CPU` for one thread.
        name: Name of the set.
        seed: Seed of the training.
        seconds: Wall seconds from encoding to threshold; on a CPU processor seconds.
        measures: ROC-AUC and other measures by name.
        beside: Other trainings that the GPU did at the same time.
    """

    machine: str
    name: str
    seed: int
    seconds: float
    measures: Mapping[str, float]
    beside: int = 0


Finding = StepSpeed | EpochCost | DeviceFit
_KINDS: dict[str, type[Finding]] = {kind.__name__: kind for kind in (StepSpeed, EpochCost, DeviceFit)}


class GpuRecord:
    """Findings as lines of JSON; the last one of the same question counts."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Finding]:
        """The findings that count, in the order in which they were first made."""
        lines = self._path.read_text("utf-8").splitlines() if self._path.exists() else []
        found: dict[tuple[Any, ...], Finding] = {}
        for line in lines:
            stored = json.loads(line)
            finding = _KINDS[stored.pop("finding")](**stored)
            found[_question(finding)] = finding
        return list(found.values())

    def append(self, finding: Finding) -> None:
        """Add a finding."""
        stored = {"finding": type(finding).__name__, **asdict(finding)}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(stored) + "\n")


def _question(finding: Finding) -> tuple[Any, ...]:
    if isinstance(finding, DeviceFit):
        return DeviceFit, finding.machine, finding.name, finding.seed
    if isinstance(finding, EpochCost):
        return EpochCost, finding.machine, finding.kind, finding.rows
    return StepSpeed, finding.machine, finding.kind, finding.batch
