"""Limits and sizes in the documents are those of the code."""

import pytest

from bento.access.api_keys import SHORTEST_KEY, Role
from bento.console import overview_facts
from bento.operations import recorded_state
from bento.schemas.requests import MOST_LOANS
from bento.shadow.__main__ import POLL_SECONDS
from loan_default_assets.commands.erase import DELIVERY_SECONDS
from loan_default_assets.model import metrics, nearest_changes, reference_rows, score_comparison
from loan_default_assets.model.leakage_search import ORDINARY
from loan_default_assets.pipeline import development_sample, live_performance, report_rows
from loan_default_assets.policy.promotion_figures import PromotionLimits
from loan_default_assets.policy.state import Limits
from loan_default_assets.reports.figures import cut_offs, feature_effects, group_figures, rating_grades
from loan_default_assets.warehouse import shadow_models, shadow_pairs
from loan_default_assets_tests.structure.documents import section

PROMOTION, RETRAINING = PromotionLimits(), Limits()
WORDS = {5: "five", 6: "six", 8: "eight", 20: "twentieth"}


def percent(share: float) -> str:
    return f"{share * 100:.0f} %"


FIGURES = {
    ("retraining.md", "## The promotion verdict"): (
        f"at least {PROMOTION.sample_threshold:,} matured rows with {PROMOTION.positive_threshold} defaults",
        f"ROC-AUC above {PROMOTION.auc_floor}; expected calibration error (ECE) at most {PROMOTION.max_ece}",
        f"difference in F1 at least -{PROMOTION.f1_margin}, in ROC-AUC at least -{PROMOTION.auc_margin}",
        f"bound of ROC-AUC above {PROMOTION.auc_ceiling}, from {PROMOTION.ceiling_positives} defaults on",
        f"reaches a ROC-AUC of {ORDINARY}",
    ),
    ("retraining.md", "## HOLD"): (f"more than {RETRAINING.hold_sds} standard deviations",),
    ("validators.md", "## Questions, and where the answer is"): (
        f"ROC-AUC above {PROMOTION.auc_ceiling} without an attestation",
        f"refuses below -{PROMOTION.auc_margin}",
    ),
    ("drift.md", "## When a feature drifts"): (
        f"above both {reference_rows.LEAST_PSI:.2f} and the *limit*",
        f"the quantile of that distribution at {reference_rows.FALSE_ALARM}",
        f"Above {reference_rows.GREAT_PSI} the light is red",
        f"fewer than {reference_rows.FEWEST_ROWS} rows is compared together",
    ),
    ("drift.md", "## Expected F1"): (
        f"at most {live_performance.LOANS_OF_A_BLOCK:,} of a block are scored",
        f"the newest {live_performance.MOST_BLOCKS} blocks",
        f"at least {percent(live_performance.LEAST_OUTCOMES)} are known",
    ),
    ("shadow.md", "## The comparison"): (
        f"the newest {shadow_pairs.MOST_PAIRS:,}",
        f"at least {score_comparison.FEWEST_ROWS} rows and {score_comparison.FEWEST_DEFAULTS} defaults",
    ),
    ("shadow.md", "## Off the request path"): (
        f"{shadow_models.LOST_AFTER_SECONDS} seconds after it is lost",
        f"every {WORDS[int(POLL_SECONDS)]} seconds",
    ),
    ("model-report.md", "## How figures are computed"): (
        f"over {metrics.ECE_BINS} bands of equally wide PDs",
        f"{cut_offs.BANDS} bands of equally many loans",
        f"{rating_grades.GRADES} bands of equally many validation rows",
        f"among at most {feature_effects.IMPORTANCE_SCORES:,} scored rows",
        f"mean PD of {feature_effects.DEPENDENCE_ROWS} loans at {feature_effects.GRID} values",
        f"fewer than {group_figures.FEWEST_ROWS} loans are counted",
        f"{percent(group_figures.WEAK_SHARE)} to {percent(group_figures.WEAK_MOST_SHARE)} of the loans, at least "
        f"{group_figures.WEAK_ROWS}",
    ),
    ("model-report.md", "## Cost"): (
        f"at most {report_rows.REFERENCE_ROWS:,} training rows",
        f"{report_rows.PERIOD_ROWS} rows per period",
    ),
    ("model-report.md", "## Validation workbook"): (
        f"at most {development_sample.SCORED_ROWS:,} are scored again",
    ),
    ("explanation.md", "## The nearest changes"): (
        f"the {WORDS[nearest_changes.PAIRED_COLUMNS]} columns that move the PD most",
        f"{WORDS[nearest_changes.PAIRED_VALUES]} values each",
    ),
    ("erasure.md", "## When the service is down, or does not deliver"): (
        f"within {DELIVERY_SECONDS:.0f} seconds",
    ),
    ("console.md", "## Where the figures come from"): (
        f"the newest {overview_facts.SHOWN_EVALUATIONS} evaluations",
        f"the newest {WORDS[overview_facts.SHOWN_ALERTS]} alerts",
        f"the last {overview_facts.SHOWN_DAYS} days",
        f"at most every {overview_facts.KEPT_SECONDS:.0f} s per worker",
        f"each statement within {overview_facts.PATIENCE_SECONDS:.0f} s",
    ),
    ("monitoring.md", "## Metrics"): (
        f"at most every {recorded_state.PAUSE_SECONDS:.0f} seconds",
        f"at most a {WORDS[recorded_state.PAUSES_PER_READING]} of the time",
    ),
    ("api.md", "## A prediction"): (f"with 1 to {MOST_LOANS:,} of them",),
    ("settings.md", ""): (f"at least {SHORTEST_KEY} characters each",),
    ("threat-model.md", "## Not covered"): (f"a key has one of {WORDS[len(Role)]} roles",),
}
CASES = [(*where, phrase) for where, phrases in FIGURES.items() for phrase in phrases]


@pytest.mark.parametrize(("document", "heading", "phrase"), CASES)
def test_a_figure_is_that_of_the_code(document: str, heading: str, phrase: str) -> None:
    assert phrase in " ".join(section(document, heading).split())
