"""What the benchmark of a GPU found, and its file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class StepSpeed:
    """Speed of one kind of step.

    Attributes:
        device: `cpu`, one thread, or the GPU.
        kind: `pretraining`, `fine-tuning` or `scoring`, of one transformer.
        batch: Rows per step.
        rows_per_second: Median over rounds.
        share_of_peak: Matrix products per second, as a share of those of one large product in single precision.
        busy: Share of the time in which a kernel ran; None on a CPU.
    """

    device: str
    kind: str
    batch: int
    rows_per_second: float
    share_of_peak: float
    busy: float | None


@dataclass(frozen=True)
class LargeTraining:
    """One epoch of one transformer, called as the chain calls it.

    Attributes:
        phase: `pretraining` or `fine-tuning`.
        rows: Rows of the epoch.
        seconds: Wall seconds, the encoding of the rows included.
        peak: Most memory of the GPU that was in use, bytes.
    """

    phase: str
    rows: int
    seconds: float
    peak: int


@dataclass(frozen=True)
class DeviceFit:
    """One classifier trained on one device, and its measures on the window.

    Attributes:
        name: Name of the set.
        device: Where its transformers were trained.
        seed: Seed of the training.
        seconds: Wall seconds from encoding to threshold.
        processor_seconds: Processor seconds of the process.
        measures: ROC-AUC and other measures by name.
    """

    name: str
    device: str
    seed: int
    seconds: float
    processor_seconds: float
    measures: Mapping[str, float]


@dataclass(frozen=True)
class GpuRecord:
    """One run of the benchmark.

    Attributes:
        gpu: The GPU's name.
        torch: Version of torch.
        day: ISO date.
        steps: Speeds of single steps.
        large: Epochs over many rows.
        fits: Trainings on both devices.
        repeatable: Whether a second training on the GPU with the same seed gave the same measures to the last bit.
    """

    gpu: str
    torch: str
    day: str
    steps: tuple[StepSpeed, ...]
    large: tuple[LargeTraining, ...]
    fits: tuple[DeviceFit, ...]
    repeatable: bool

    def write(self, path: Path) -> None:
        """Write the record as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")

    @classmethod
    def read(cls, path: Path) -> "GpuRecord | None":
        """The inverse of `write`; None without a file."""
        if not path.exists():
            return None
        stored = json.loads(path.read_text("utf-8"))
        return cls(
            **stored
            | {
                "steps": tuple(StepSpeed(**each) for each in stored["steps"]),
                "large": tuple(LargeTraining(**each) for each in stored["large"]),
                "fits": tuple(DeviceFit(**each) for each in stored["fits"]),
            }
        )
