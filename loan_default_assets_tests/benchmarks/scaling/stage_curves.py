"""Measurements by stage, their fits, and what is read from them: ratios, memory per row, the cost of a training."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from loan_default_assets_tests.benchmarks.scaling.cost_fit import CostFit, fit_cost
from loan_default_assets_tests.benchmarks.scaling.measurement_file import Measurement


@dataclass(frozen=True)
class StageCurve:
    """One stage with one number of workers, at growing numbers of rows; at least one measurement."""

    measured: tuple[Measurement, ...]

    @cached_property
    def fit(self) -> CostFit:
        """Of all processor seconds."""
        return self._fitted([each.cpu for each in self.measured])

    @cached_property
    def server_fit(self) -> CostFit:
        """Of those of PostgreSQL."""
        return self._fitted([each.server for each in self.measured])

    @property
    def largest(self) -> Measurement:
        return self.measured[-1]

    @property
    def stored_per_row(self) -> float:
        """Bytes of the database per row, at the largest size."""
        return self.largest.stored / self.largest.done

    @property
    def own_memory(self) -> int:
        """Peak resident memory of the processes in bytes, the largest of all sizes."""
        return max(each.peak for each in self.measured)

    @property
    def memory_per_row(self) -> float | None:
        """Bytes of peak memory per further row between the two largest sizes from about 100,000 rows on.

        None where there are no two such sizes.
        """
        large = [each for each in self.measured if each.done >= 90_000]
        if len(large) < 2:
            return None
        first, last = large[-2:]
        return (last.peak - first.peak) / (last.done - first.done)

    def _fitted(self, seconds: Sequence[float]) -> CostFit:
        # Processor time is counted in hundredths of a second.
        return fit_cost([each.done for each in self.measured], [max(each, 0.01) for each in seconds])


@dataclass(frozen=True)
class FullTraining:
    """What a fine-tuning of as many epochs as the default settings derive costs at most, from a shorter one.

    Attributes:
        rows: Rows of the portfolio.
        training_rows: Rows that the transformers are fitted on.
        epochs: Most epochs per transformer.
        seconds: Processor seconds.
        epoch_per_row: Processor seconds per training row, epoch and transformer.
    """

    rows: int
    training_rows: int
    epochs: int
    seconds: float
    epoch_per_row: float


def curves(measurements: Sequence[Measurement]) -> dict[tuple[str, int], StageCurve]:
    """By stage and number of workers."""
    found: dict[tuple[str, int], list[Measurement]] = {}
    for each in measurements:
        found.setdefault((each.stage, each.workers), []).append(each)
    return {key: StageCurve(tuple(sorted(of, key=lambda m: m.rows))) for key, of in found.items()}


def full_trainings(curve: StageCurve) -> list[FullTraining]:
    """The whole cost of fine-tuning at each size, epochs added that were not run."""
    found = []
    for each in curve.measured:
        facts = {name: float(value) for name, value in each.facts.items()}
        more = facts["transformers"] * (facts["derived_epochs"] - facts["epochs"])
        found.append(
            FullTraining(
                each.done,
                int(facts["training_rows"]),
                int(facts["derived_epochs"]),
                each.cpu + more * facts["epoch_seconds"],
                facts["epoch_seconds"] / facts["training_rows"],
            )
        )
    return found
