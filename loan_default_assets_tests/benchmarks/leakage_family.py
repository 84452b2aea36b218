"""How many generated files with leaking columns the leakage check blocks, and how many honest ones.

python -m loan_default_assets_tests.benchmarks.leakage_family [files] [most leaking columns]
"""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.leakage import LeakageAssessment, assess_leakage
from loan_default_assets.model.metrics import roc_auc
from loan_default_assets_tests.benchmarks.leaking_files import MOST_LEAKS, GeneratedFile, generate

FILES = 300
HIGH_ROC_AUC = 0.8


@dataclass(frozen=True)
class FileOutcome:
    """What the check said of one file.

    Attributes:
        blocked: Whether training was refused.
        high: Leaking columns with ROC-AUC alone above 0.8.
        unnamed: Those of them that were not named.
        honest_named: Honest columns that were named.
    """

    blocked: bool
    high: tuple[str, ...]
    unnamed: tuple[str, ...]
    honest_named: tuple[str, ...]
    seconds: float


def check(file: GeneratedFile) -> FileOutcome:
    """Run the leakage check on a file and compare it with what is known."""
    start = time.perf_counter()
    found = assess_leakage(file.rows, file.cardinalities, file.names, as_of=file.as_of)
    seconds = time.perf_counter() - start
    named = {entry.feature for entry in found.blocking}
    high = tuple(name for name in file.leaks if _roc_auc_alone(file, name, found) > HIGH_ROC_AUC)
    unnamed = tuple(name for name in high if name not in named)
    return FileOutcome(bool(named), high, unnamed, tuple(sorted(named - set(file.leaks))), seconds)


def _roc_auc_alone(file: GeneratedFile, name: str, found: LeakageAssessment) -> float:
    values = file.rows.numerical[:, file.names.index(name)]
    filled = np.where(np.isnan(values), np.nanmin(values) - 1, values)
    ranked = roc_auc(file.rows.label, filled)
    binned = next(entry.roc_auc_alone for entry in found.evidence if entry.feature == name)
    return max(ranked, 1 - ranked, binned)


def main(files: int = FILES, most_leaks: int = MOST_LEAKS, families: Sequence[bool] = (True, False)) -> None:
    """Print the table of both families, and each file that the check takes the wrong way."""
    columns, named = Counter[str](), Counter[str]()
    groups: dict[str, Counter[str]] = {}
    seconds = list[float]()
    for leaking, seed in ((leaking, seed) for leaking in families for seed in range(files)):
        file = generate(seed, leaking=leaking, most_leaks=most_leaks)
        outcome = check(file)
        seconds.append(outcome.seconds)
        high = outcome.high
        columns.update(file.leaks[name] for name in high)
        named.update(file.leaks[name] for name in high if name not in outcome.unnamed)
        wrong = outcome.blocked != leaking or bool(outcome.unnamed)
        for group in ("leaking" if leaking else "honest", _group(file)):
            counts = groups.setdefault(group, Counter())
            counts.update({"files": 1, "blocked": outcome.blocked, "wrong": wrong})
            counts["honest columns named"] += bool(outcome.honest_named)
        if wrong:
            print(
                f"{'leaking' if leaking else 'honest'} file {seed}: {len(file.rows)} rows, "
                f"{int((file.rows.label == 1).sum())} defaults, honest ROC-AUC {file.honest_auc:.3f}, "
                f"blocked {outcome.blocked}, unnamed {[(n, file.leaks[n]) for n in outcome.unnamed]}, "
                f"honest named {outcome.honest_named}, leaks {sorted(set(file.leaks.values()))}"
            )
    print(f"{'files':32} {'number':>7} {'blocked':>8} {'wrong':>6} {'with honest columns named':>26}")
    for group, counts in groups.items():
        print(
            f"{group:32} {counts['files']:7} {counts['blocked']:8} {counts['wrong']:6} "
            f"{counts['honest columns named']:26}"
        )
    print(f"{'leaking columns above 0.8':32} {'number':>7} {'named':>8}")
    for kind in sorted(columns):
        print(f"{kind:32} {columns[kind]:7} {named[kind]:8}")
    print(f"seconds per file: median {np.median(seconds):.1f}, longest {max(seconds):.1f}")


def _group(file: GeneratedFile) -> str:
    if file.leaks:
        number = "1" if len(file.leaks) == 1 else "2 to 4" if len(file.leaks) < 5 else "5 to 12"
        return f"  leaking, {number} columns, {'undated' if file.as_of is None else 'dated'}"
    bound = next((bound for bound in (0.70, 0.80, 0.86) if file.honest_auc < bound), 0.93)
    return f"  honest, ROC-AUC below {bound:.2f}"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
