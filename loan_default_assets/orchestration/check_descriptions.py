"""What a failure of each asset check means, and the next step: one sentence for the page of the check in Dagster."""

from collections.abc import Mapping

import dagster as dg

from loan_default_assets.pipeline.check_results import (
    BOTH_CLASSES,
    F1_AS_ESTIMATED,
    F1_TARGET,
    FINITE_OUTPUTS,
    LABEL_MATURITY,
    LEAKAGE_EXCLUDED,
    MATCHES_SCHEMA,
    NO_FEATURE_DRIFT,
    NO_LEAKAGE,
    NO_SCORE_DRIFT,
    REFERENCE,
)

_RAW_LOANS, _FEATURES = "raw_loans", "processed_features"
_SCHEMA: Mapping[str, str] = {
    _RAW_LOANS: "If it fails, rows break the portfolio's rules on types, bounds and values, and the whole partition "
    "was refused; correct the rows of the table failure_cases in the source, or the rule in the portfolio, and load "
    "the partition again.",
    _FEATURES: "If it fails, computed features break their own rules, and nothing of the partition was stored; look "
    "for the column of the table failure_cases in the source and in derive of the portfolio, and load the partition "
    "again.",
}
_DESCRIPTIONS: Mapping[str, str] = {
    BOTH_CLASSES: "If it fails, training or validation rows lack defaults or non-defaults, so that no model can be "
    "trained; check the values under label in the portfolio, or load more partitions.",
    LABEL_MATURITY: "If it fails, labels would be used before they are known, training rows lie in the evaluation "
    "window, or no matured loan is left to train or to evaluate on, so that no model was trained; check the column "
    "under as_of, and horizon_days or observed_at of the label, in the portfolio.",
    NO_LEAKAGE: "If it fails, a feature seems to know the outcome, so that no model was trained; put its column "
    "under known_after_outcome in the portfolio, or under known_at_application if it is known at the application.",
    FINITE_OUTPUTS: "If it fails, the model gave PDs that are no numbers, and it is not promoted; look at the loss "
    "curves of the run that trained it, and start another attempt by loan-default retrain.",
    F1_TARGET: "If it warns, F1 of the default class on the evaluation window is below F1_SCORE_THRESHOLD; nothing "
    "is due, since the sensor retrain_on_f1_below_target decides on a retraining, and loan-default status says when.",
    REFERENCE: "If it warns, gradient boosting or logistic regression ranks the loans of the evaluation window "
    "better than the model; compare them in the model report, and see docs/retraining.md on REFERENCE_GATE.",
    LEAKAGE_EXCLUDED: "If it warns, the discrimination is higher than features known at application usually allow, so "
    "that the figures of the model may be too good; list columns that change after the loan is granted under "
    "known_after_outcome in the portfolio, or those known at the application under known_at_application.",
    NO_FEATURE_DRIFT: "If it warns, features of the partition have another distribution than the champion's "
    "training; if the delivery was coded differently, correct it and load it again, and otherwise wait for outcomes, "
    "since no retraining starts because of drift.",
    NO_SCORE_DRIFT: "If it warns, the PDs of the newest loans have another distribution than those of the training; "
    "see no_feature_drift of processed_features for the features that moved, and compare F1 expected and measured.",
    F1_AS_ESTIMATED: "If it warns, measured F1 lies outside of the interval that the PDs let expect, so what leads "
    "to default has probably changed; read the section on drift of the model report, and expect a retraining if F1 "
    "falls below its target.",
}


def check_description(asset: dg.AssetKey, check: str) -> str:
    """The description of a check of an asset.

    Raises:
        KeyError: It has none.
    """
    return _SCHEMA[asset.path[-1]] if check == MATCHES_SCHEMA else _DESCRIPTIONS[check]
