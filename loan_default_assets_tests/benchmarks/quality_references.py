"""The models that the transformer is compared with, on the same rows, one thread each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from loan_default_assets.model.baseline import boosting, columns
from loan_default_assets.model.calibration import best_f1_threshold
from loan_default_assets.model.rows import Rows, concatenate
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet
from loan_default_assets_tests.benchmarks.quality_scores import FittedScores

Score = Callable[[Rows], np.ndarray]

MAX_TREES, PATIENCE, LEARNING_RATE = 4000, 100, 0.05


@dataclass(frozen=True)
class FittedReference:
    """A fitted model.

    Attributes:
        score: Scores rows.
        again: Fits other rows in the same way, with as many trees, and returns what scores rows.
    """

    score: Score
    again: Callable[[Rows], Score]

    @classmethod
    def of(cls, fitted: Callable[[Rows], Score], rows: Rows) -> "FittedReference":
        """A model that no other rows stop."""
        return cls(fitted(rows), fitted)


def logistic(data: QualitySet, seed: int) -> FittedReference:
    """Logistic regression on standardised numbers with flags of missing values, and one-hot categories."""
    from sklearn.base import clone
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numerical = data.train.numerical.shape[1]
    width = numerical + data.train.categorical.shape[1]
    inputs = ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()),
                list(range(numerical)),
            ),
            ("categories", OneHotEncoder(handle_unknown="ignore"), list(range(numerical, width))),
        ]
    )

    def fitted(rows: Rows) -> Score:
        model = make_pipeline(clone(inputs), LogisticRegression(max_iter=2000, random_state=seed))
        model.fit(columns(rows), rows.outcome())
        return lambda others: model.predict_proba(columns(others))[:, 1]

    return FittedReference.of(fitted, data.train)


def histogram_boosting(data: QualitySet, seed: int) -> FittedReference:
    """HistGradientBoosting with its defaults, a reference of every evaluation of the product."""

    def fitted(rows: Rows) -> Score:
        model = boosting(rows, data.cardinalities, seed=seed)
        return lambda others: model.predict_proba(columns(others))[:, 1]

    return FittedReference.of(fitted, data.train)


def lightgbm(data: QualitySet, seed: int) -> FittedReference:
    """LightGBM on 80 % of rows and columns per tree, stopped by the ROC-AUC of the validation rows."""
    import lightgbm as library

    numerical = data.train.numerical.shape[1]

    def fitted(rows: Rows, trees: int, **stopping: Any) -> library.LGBMClassifier:
        model = library.LGBMClassifier(
            n_estimators=trees,
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
        categories = list(range(numerical, numerical + len(data.cardinalities)))
        return model.fit(columns(rows), rows.outcome(), categorical_feature=categories, **stopping)

    def scoring(model: library.LGBMClassifier, trees: int) -> Score:
        # Not model.predict_proba: scikit-learn's check of column names warns about arrays.
        return lambda rows: model.booster_.predict(columns(rows), num_iteration=trees)

    model = fitted(
        data.train,
        MAX_TREES,
        eval_set=[(columns(data.validation), data.validation.outcome())],
        eval_metric="auc",
        callbacks=[library.early_stopping(PATIENCE, first_metric_only=True, verbose=False)],
    )
    trees = model.best_iteration_
    return FittedReference(scoring(model, trees), lambda rows: scoring(fitted(rows, trees), trees))


def catboost(data: QualitySet, seed: int) -> FittedReference:
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

    def fitted(rows: Rows, trees: int, **stopping: Any) -> CatBoostClassifier:
        model = CatBoostClassifier(
            iterations=trees,
            learning_rate=LEARNING_RATE,
            eval_metric="AUC",
            random_seed=seed,
            thread_count=1,
            allow_writing_files=False,
            verbose=False,
        )
        return model.fit(pool(rows), **stopping)

    def scoring(model: CatBoostClassifier) -> Score:
        return lambda rows: model.predict_proba(pool(rows.without_label()), thread_count=1)[:, 1]

    model = fitted(data.train, MAX_TREES, eval_set=pool(data.validation), early_stopping_rounds=PATIENCE)
    return FittedReference(scoring(model), lambda rows: scoring(fitted(rows, model.tree_count_)))


@dataclass(frozen=True)
class QualityReference:
    """A reference.

    Attributes:
        fit: Fits it and returns what scores rows.
        distribution: Package whose version the fit depends on.
        modules: Modules that `fit` uses, so that loading them can be kept out of a measurement.
        again: Whether what scores the window is then fitted on training and validation rows.
    """

    fit: Callable[[QualitySet, int], FittedReference]
    distribution: str
    modules: tuple[str, ...]
    again: bool = False

    @property
    def title(self) -> str:
        """What it is, in one sentence."""
        text = (self.fit.__doc__ or "").partition("\n")[0]
        more = " Fitted again on training and validation rows, in the same way, before the window is scored."
        return text + more if self.again else text


_ONCE = {
    "logistic": QualityReference(
        logistic, "scikit-learn", ("sklearn.compose", "sklearn.impute", "sklearn.linear_model")
    ),
    "histgb": QualityReference(histogram_boosting, "scikit-learn", ("sklearn.ensemble", "threadpoolctl")),
    "lightgbm": QualityReference(lightgbm, "lightgbm", ("lightgbm",)),
    "catboost": QualityReference(catboost, "catboost", ("catboost",)),
}
REFERENCES = _ONCE | {f"{name}-refit": replace(one, again=True) for name, one in _ONCE.items()}


def fit_reference(data: QualitySet, name: str, seed: int) -> Callable[[], FittedScores]:
    """Fit a reference; its scores are not calibrated, so its threshold has the best F1 on the validation rows.

    Returns:
        What scores validation and window rows.
    """
    reference = REFERENCES[name]
    fitted = reference.fit(data, seed)
    final = fitted.again(concatenate([data.train, data.validation])) if reference.again else fitted.score

    def scores() -> FittedScores:
        validation = fitted.score(data.validation)
        threshold = best_f1_threshold(data.validation.outcome(), validation)
        return FittedScores(validation, final(data.window), threshold)

    return scores
