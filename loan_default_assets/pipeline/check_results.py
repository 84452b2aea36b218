"""Names and results of the checks that the steps compute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loan_default_assets.portfolio.checks.violations import Violation

if TYPE_CHECKING:
    from loan_default_assets.model.leakage import LeakageEvidence

MATCHES_SCHEMA = "matches_schema"
BOTH_CLASSES = "both_classes"
LABEL_MATURITY = "label_maturity"
NO_LEAKAGE = "no_leakage"
FINITE_OUTPUTS = "finite_outputs"
F1_TARGET = "f1_reaches_target"
REFERENCE = "not_worse_than_reference"
LEAKAGE_EXCLUDED = "leakage_is_excluded"
NO_FEATURE_DRIFT = "no_feature_drift"
NO_SCORE_DRIFT = "no_score_drift"
F1_AS_ESTIMATED = "f1_as_estimated"
# None of them stops anything.
EVALUATION_CHECKS = (FINITE_OUTPUTS, F1_TARGET, REFERENCE, LEAKAGE_EXCLUDED, NO_SCORE_DRIFT, F1_AS_ESTIMATED)

_LISTED_VIOLATIONS = 20

# The partition, or range of partitions, and the violation found in it.
LocatedViolation = tuple[str, Violation]


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check.

    Attributes:
        figures: Numbers to show beside the outcome, by name.
        violations: The failure cases of a schema check.
        warning: A failed check is reported as a warning, not as an error.
        evidence: The features of a leakage check.
        doubtful: Whether a check that passed leaves a doubt, which its description states.
    """

    name: str
    passed: bool
    description: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    violations: tuple[LocatedViolation, ...] = ()
    warning: bool = False
    evidence: "tuple[LeakageEvidence, ...]" = ()
    doubtful: bool = False


def schema_check(violations: Sequence[LocatedViolation], rows: int) -> CheckResult:
    """The outcome of a Pandera schema on the `rows` rows of one run."""
    return CheckResult(
        MATCHES_SCHEMA,
        passed=not violations,
        description=describe_violations(violations) or f"{rows} rows match the portfolio",
        figures={"rows": rows},
        violations=tuple(violations),
    )


def describe_violations(violations: Sequence[LocatedViolation]) -> str:
    """One line per violation, without any value of an applicant."""
    lines = [f"partition {key}: {violation}" for key, violation in violations[:_LISTED_VIOLATIONS]]
    if len(violations) > _LISTED_VIOLATIONS:
        lines.append(f"... and {len(violations) - _LISTED_VIOLATIONS} more")
    return "\n".join(lines)
