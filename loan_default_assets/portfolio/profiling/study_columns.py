"""Columns that a former study of the loans has added: its samples, weights and random numbers, and predictions."""

import re
from collections.abc import Mapping

from loan_default_assets.portfolio.column_words import words_of
from loan_default_assets.portfolio.ingest.number_parsing import is_number
from loan_default_assets.portfolio.profiling.column_profiles import ColumnProfile

MODEL_PREDICTION = (
    "by its name and values the prediction of another model: where that was fitted on these loans, it knows their "
    "outcome (known_after_outcome); where later applications have none, list it under ignore"
)
_SAMPLES = frozenset({
    "train", "training", "trainset", "test", "testing", "valid", "validation", "val", "dev", "development", "oot",
    "oos", "holdout", "hold-out", "learn", "learning", "build", "in-sample", "out-of-sample", "out-of-time", "개발",
    "검증", "훈련", "학습", "테스트",
})  # fmt: skip
_SAMPLE_NAME = re.compile(
    r"^(?:cv |k ?)?fold(?: (?:id|no|nr))?$|^(?:data ?)?split(?: (?:flag|ind|type|id))?$"
    r"|^(?:is |in )?(?:train(?:ing)?|test|holdout|oot|oos|validation)(?: (?:flag|ind|set|sample|yn))?$"
    r"|^(?:train|dev) ?(?:test|valid\w*|val)$|^(?:개발|검증|학습) ?(?:여부|구분|표본|샘플)$"
)
_MOST_SAMPLES = 20
_WEIGHT_NAME = re.compile(
    r"^(?:(?:sample|sampling|survey|case|obs(?:ervation)?|row|record|analysis|freq(?:uency)?|expansion|reject|model"
    r"|inference) ?)*(?:weights?|wgts?|wts?)$|가중치$|^(?:stichproben)?gewicht(?:ung)?$"
)
_RANDOM_NAME = re.compile(
    r"^(?:rand(?:om)?|rnd)(?: ?(?:num(?:ber)?|no|nr|uniform|value|sort))?$|^난수$|^zufallszahl$"
)
_PREDICTION_NAME = re.compile(
    r"\b(?:pd|prob(?:s|ability|abilities)?|predict(?:ed|ion|ions)?|preds?|p ?(?:bad|default)|y ?hat|yhat|p ?hat|proba"
    r"|ausfallwahrscheinlichkeit)\b|부도확률|부도율|예측"
)
_FEWEST_PREDICTIONS = 20


def study_reason(source_name: str, profile: ColumnProfile) -> str:
    """Why a column is of a former study and none of the loan; an empty text for other columns.

    Examples:
        >>> halves = ColumnProfile(rows=100, counts={"train": 70, "OOT": 30})
        >>> [study_reason(name, halves) for name in ("part", "purpose")]
        ['the sample of a former study, by its values', 'the sample of a former study, by its values']
        >>> study_reason("sample_weight", ColumnProfile(rows=2, counts={"1.5": 1, "4": 1}))
        'the weight of a row in a sample, by its name'
    """
    words, present = words_of(source_name), profile.present
    if len(present) > 1 and all(text.casefold().replace(" ", "-") in _SAMPLES for text in present):
        return "the sample of a former study, by its values"
    if len(present) <= _MOST_SAMPLES and _SAMPLE_NAME.search(words):
        return "the sample of a former study, by its name"
    numbers = all(map(is_number, present))
    if numbers and _WEIGHT_NAME.search(words):
        return "the weight of a row in a sample, by its name"
    if numbers and _RANDOM_NAME.search(words):
        return "a random number, by its name"
    return ""


def is_prediction(source_name: str, present: Mapping[str, int]) -> bool:
    """Whether a column is named for the probability of default of a model and holds numbers from 0 to 1 only.

    Examples:
        >>> pds = {f"0.{n:03d}": 1 for n in range(1, 500)}
        >>> [is_prediction(name, pds) for name in ("PD_model_v2", "predicted", "utilisation")]
        [True, True, False]
    """
    if len(present) < _FEWEST_PREDICTIONS or not _PREDICTION_NAME.search(words_of(source_name)):
        return False
    return all(is_number(text) and 0 <= float(text) <= 1 for text in present)
