"""The models that the transformer is compared with, on the same rows, one thread each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.baseline import boosting, columns
from loan_default_assets.model.calibration import best_f1_threshold
from loan_default_assets.model.rows import Rows
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet
from loan_default_assets_tests.benchmarks.quality_scores import FittedScores

Score = Callable[[Rows], np.ndarray]

MAX_TREES, PATIENCE, LEARNING_RATE = 4000, 100, 0.05


def logistic(data: QualitySet, seed: int) -> Score:
    """Logistic regression on standardised numbers with flags of missing values, and one-hot categories."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numerical = data.train.numerical.shape[1]
    table = columns(data.train)
    inputs = ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()),
                list(range(numerical)),
            ),
            ("categories", OneHotEncoder(handle_unknown="ignore"), list(range(numerical, table.shape[1]))),
        ]
    )
    model = make_pipeline(inputs, LogisticRegression(max_iter=2000, random_state=seed))
    model.fit(table, data.train.outcome())
    return lambda rows: model.predict_proba(columns(rows))[:, 1]


def histogram_boosting(data: QualitySet, seed: int) -> Score:
    """HistGradientBoosting with its defaults, the reference of every evaluation of the product."""
    model = boosting(data.train, data.cardinalities, seed=seed)
    return lambda rows: model.predict_proba(columns(rows))[:, 1]


def lightgbm(data: QualitySet, seed: int) -> Score:
    """LightGBM on 80 % of rows and columns per tree, stopped by the ROC-AUC of the validation rows."""
    import lightgbm as library

    numerical = data.train.numerical.shape[1]
    model = library.LGBMClassifier(
        n_estimators=MAX_TREES,
        learning_rate=LEARNING_RATE,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.8,
        random_state=seed,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )
    model.fit(
        columns(data.train),
        data.train.outcome(),
        eval_set=[(columns(data.validation), data.validation.outcome())],
        eval_metric="auc",
        categorical_feature=list(range(numerical, numerical + len(data.cardinalities))),
        callbacks=[library.early_stopping(PATIENCE, first_metric_only=True, verbose=False)],
    )
    # Not model.predict_proba: scikit-learn's check of column names warns about arrays.
    return lambda rows: model.booster_.predict(columns(rows), num_iteration=model.best_iteration_)


def catboost(data: QualitySet, seed: int) -> Score:
    """CatBoost with its own treatment of categories, stopped by the ROC-AUC of the validation rows."""
    from catboost import CatBoostClassifier, FeaturesData, Pool

    def pool(rows: Rows) -> Pool:
        texts = rows.categorical.astype(str).astype(bytes).astype(object)
        given = FeaturesData(
            num_feature_data=np.ascontiguousarray(rows.numerical, np.float32)
            if rows.numerical.shape[1]
            else None,
            cat_feature_data=texts if rows.categorical.shape[1] else None,
        )
        return Pool(given, None if rows.label is None else rows.label.astype(int))

    model = CatBoostClassifier(
        iterations=MAX_TREES,
        learning_rate=LEARNING_RATE,
        early_stopping_rounds=PATIENCE,
        eval_metric="AUC",
        random_seed=seed,
        thread_count=1,
        allow_writing_files=False,
        verbose=False,
    )
    model.fit(pool(data.train), eval_set=pool(data.validation))
    return lambda rows: model.predict_proba(pool(rows.without_label()), thread_count=1)[:, 1]


@dataclass(frozen=True)
class QualityReference:
    """A reference.

    Attributes:
        fit: Fits it and returns what scores rows.
        distribution: Package whose version the fit depends on.
        modules: Modules that `fit` uses, so that loading them can be kept out of a measurement.
    """

    fit: Callable[[QualitySet, int], Score]
    distribution: str
    modules: tuple[str, ...]


REFERENCES = {
    "logistic": QualityReference(
        logistic, "scikit-learn", ("sklearn.compose", "sklearn.impute", "sklearn.linear_model")
    ),
    "histgb": QualityReference(histogram_boosting, "scikit-learn", ("sklearn.ensemble", "threadpoolctl")),
    "lightgbm": QualityReference(lightgbm, "lightgbm", ("lightgbm",)),
    "catboost": QualityReference(catboost, "catboost", ("catboost",)),
}


def fit_reference(data: QualitySet, name: str, seed: int) -> Callable[[], FittedScores]:
    """Fit a reference; its scores are not calibrated, so its threshold has the best F1 on the validation rows.

    Returns:
        What scores validation and window rows.
    """
    score = REFERENCES[name].fit(data, seed)

    def scores() -> FittedScores:
        validation = score(data.validation)
        threshold = best_f1_threshold(data.validation.outcome(), validation)
        return FittedScores(validation, score(data.window), threshold)

    return scores
