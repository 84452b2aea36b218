from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Reasons(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASONS_ADVERSE: _ClassVar[Reasons]
    REASONS_ALL: _ClassVar[Reasons]
    REASONS_NONE: _ClassVar[Reasons]
REASONS_ADVERSE: Reasons
REASONS_ALL: Reasons
REASONS_NONE: Reasons

class PredictRequest(_message.Message):
    __slots__ = ("categorical_features", "numerical_features", "date_features", "as_of", "loan_id", "reasons")
    class CategoricalFeaturesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class NumericalFeaturesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class DateFeaturesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CATEGORICAL_FEATURES_FIELD_NUMBER: _ClassVar[int]
    NUMERICAL_FEATURES_FIELD_NUMBER: _ClassVar[int]
    DATE_FEATURES_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    categorical_features: _containers.ScalarMap[str, str]
    numerical_features: _containers.ScalarMap[str, float]
    date_features: _containers.ScalarMap[str, str]
    as_of: str
    loan_id: str
    reasons: Reasons
    def __init__(self, categorical_features: _Optional[_Mapping[str, str]] = ..., numerical_features: _Optional[_Mapping[str, float]] = ..., date_features: _Optional[_Mapping[str, str]] = ..., as_of: _Optional[str] = ..., loan_id: _Optional[str] = ..., reasons: _Optional[_Union[Reasons, str]] = ...) -> None: ...

class PredictBatchRequest(_message.Message):
    __slots__ = ("loans",)
    LOANS_FIELD_NUMBER: _ClassVar[int]
    loans: _containers.RepeatedCompositeFieldContainer[PredictRequest]
    def __init__(self, loans: _Optional[_Iterable[_Union[PredictRequest, _Mapping]]] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("code", "en", "ko", "contribution")
    CODE_FIELD_NUMBER: _ClassVar[int]
    EN_FIELD_NUMBER: _ClassVar[int]
    KO_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    code: str
    en: str
    ko: str
    contribution: float
    def __init__(self, code: _Optional[str] = ..., en: _Optional[str] = ..., ko: _Optional[str] = ..., contribution: _Optional[float] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("prediction", "probability", "threshold", "reasons", "model_version", "request_id")
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    prediction: int
    probability: float
    threshold: float
    reasons: _containers.RepeatedCompositeFieldContainer[Reason]
    model_version: str
    request_id: str
    def __init__(self, prediction: _Optional[int] = ..., probability: _Optional[float] = ..., threshold: _Optional[float] = ..., reasons: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ..., model_version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class PredictBatchResponse(_message.Message):
    __slots__ = ("predictions", "model_version", "request_id")
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[PredictResponse]
    model_version: str
    request_id: str
    def __init__(self, predictions: _Optional[_Iterable[_Union[PredictResponse, _Mapping]]] = ..., model_version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ModelInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Worker(_message.Message):
    __slots__ = ("worker", "desired_version", "loaded_version", "error", "replica")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    DESIRED_VERSION_FIELD_NUMBER: _ClassVar[int]
    LOADED_VERSION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    worker: str
    desired_version: str
    loaded_version: str
    error: str
    replica: str
    def __init__(self, worker: _Optional[str] = ..., desired_version: _Optional[str] = ..., loaded_version: _Optional[str] = ..., error: _Optional[str] = ..., replica: _Optional[str] = ...) -> None: ...

class ModelInfoResponse(_message.Message):
    __slots__ = ("portfolio", "model_version", "threshold", "status", "since", "reason", "metrics", "f1_target", "target_met", "workers", "json")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    PORTFOLIO_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    F1_TARGET_FIELD_NUMBER: _ClassVar[int]
    TARGET_MET_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    portfolio: str
    model_version: str
    threshold: float
    status: str
    since: str
    reason: str
    metrics: _containers.ScalarMap[str, float]
    f1_target: float
    target_met: bool
    workers: _containers.RepeatedCompositeFieldContainer[Worker]
    json: str
    def __init__(self, portfolio: _Optional[str] = ..., model_version: _Optional[str] = ..., threshold: _Optional[float] = ..., status: _Optional[str] = ..., since: _Optional[str] = ..., reason: _Optional[str] = ..., metrics: _Optional[_Mapping[str, float]] = ..., f1_target: _Optional[float] = ..., target_met: _Optional[bool] = ..., workers: _Optional[_Iterable[_Union[Worker, _Mapping]]] = ..., json: _Optional[str] = ...) -> None: ...

class ReloadModelRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReloadModelResponse(_message.Message):
    __slots__ = ("expected", "desired_version", "workers", "outdated")
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    DESIRED_VERSION_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    OUTDATED_FIELD_NUMBER: _ClassVar[int]
    expected: int
    desired_version: str
    workers: _containers.RepeatedCompositeFieldContainer[Worker]
    outdated: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, expected: _Optional[int] = ..., desired_version: _Optional[str] = ..., workers: _Optional[_Iterable[_Union[Worker, _Mapping]]] = ..., outdated: _Optional[_Iterable[str]] = ...) -> None: ...
