"""Planted faults of figures that few defaults must not decide."""

from loan_default_assets_tests.mutants.mutant import MODEL, PIPELINE, POLICY, Mutant, mutant

FEW_DEFAULTS_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "one default that ranks high by chance does not show that a model beats chance",
        f"{MODEL}/metrics.py",
        "intervals |= intervals_of_counts(values,",
        "intervals_of_counts(values,",
        "model/test_metrics.py",
    ),
    mutant(
        "a cautious interval of few defaults does not lift the leakage ceiling",
        f"{POLICY}/leakage_ceiling.py",
        "if model.ceiling_bound > limits.auc_ceiling:",
        "if model.roc_auc_low > limits.auc_ceiling:",
        "policy/test_promotion.py",
    ),
    mutant(
        "the ceiling is decided on the bound by resampled rows of the window",
        f"{PIPELINE}/model_evaluation.py",
        "resampled_auc_low=metrics.resampled_auc_low,",
        "",
        "pipeline/test_model_steps.py",
    ),
    mutant(
        "few defaults that rank low by chance make no weak segment",
        "loan_default_assets/reports/figures/implied_figures.py",
        "if min(defaults, len(pd) - defaults) >= FEW_OF_A_CLASS:",
        "if True:",
        "reports/test_implied_figures.py",
    ),
    mutant(
        "PDs that are too extreme fail a test though their mean is right",
        "loan_default_assets/reports/figures/calibration_line.py",
        "p_value=float(chi2.sf(max(gained, 0.0), 2)),",
        "p_value=1.0,",
        "reports/test_score_figures.py",
    ),
    mutant(
        "one default that one model finds does not show that it has the higher F1",
        f"{MODEL}/metrics.py",
        "df1_low, df1_high = f1_difference_interval(",
        "f1_difference_interval(",
        "model/test_metrics.py",
    ),
    mutant(
        "an interval of KS holds the true KS",
        f"{MODEL}/biased_intervals.py",
        "centre = value - 2 * max(float(known.mean()) - value, 0.0)",
        "centre = float(known.mean())",
        "model/test_metrics.py",
    ),
    mutant(
        "right PDs are not shown to be miscalibrated by the interval of their ECE",
        f"{MODEL}/biased_intervals.py",
        "return 0.0, high",
        "return float(np.quantile(resampled, 0.025)), high",
        "model/test_metrics.py",
    ),
    mutant(
        "grades whose order is reversed by chance fail no test",
        "loan_default_assets/reports/figures/rating_grades.py",
        "min((p_value for p_value, is_one in zip(p_values, inverted, strict=True) if is_one), default=1.0),",
        "float(not any(inverted)),",
        "reports/test_score_figures.py",
    ),
)
