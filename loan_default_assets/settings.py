"""Every environment variable: name, type, default and unit. No other module reads the environment."""

import hashlib
import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# One scheme, no user information, and nothing that file systems take for a pattern or a query.
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^@?*\[\]#\s]+")


class Settings(BaseSettings):
    """Values from the environment; the variable's name is the field's name in capitals."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    portfolio: str = Field("demo", description="Name in the portfolio library, or path of a portfolio file.")
    loan_source: str | None = Field(
        None, description="File of loans, or URL of a database, in place of the portfolio's own source."
    )
    loan_default_home: Path = Field(
        Path(".loan_default"), description="Folder of all state that is not in PostgreSQL."
    )
    database_url: SecretStr | None = Field(
        None, description="URL of the PostgreSQL server; unset: the embedded server is started."
    )
    database_direct_url: SecretStr | None = Field(
        None,
        description="URL of the same database without the connection pooler that DATABASE_URL names, for the service's "
        "LISTEN; unset: DATABASE_URL.",
    )
    artifact_root: str | None = Field(
        None,
        description="Folder of model artifacts, or URL of an object store (`s3://BUCKET/PREFIX`, with the extra `s3`); "
        "unset: `models` under LOAN_DEFAULT_HOME.",
    )
    artifact_cache_bytes: int = Field(
        2 << 30,
        ge=0,
        description="Most bytes of copies of models under LOAN_DEFAULT_HOME where ARTIFACT_ROOT is a URL; copies "
        "that were used in the last hour stay.",
    )
    signing_key: Path | None = Field(
        None,
        description="PEM file of the private key (P-256) that signs promoted models, generated if it does not exist; "
        "unset: `keys/signing.pem` under LOAN_DEFAULT_HOME.",
    )
    signing_key_password: SecretStr | None = Field(None, description="Password of SIGNING_KEY.")
    signing_public_keys: str | None = Field(
        None,
        description="PEM files of trusted public keys, or folders of them, separated by commas; unset: `keys/public` "
        "under LOAN_DEFAULT_HOME (`.keys` under ARTIFACT_ROOT), with the public half of every key that has signed.",
    )
    require_signature: bool | None = Field(
        None,
        description="`true` refuses to serve a champion without a signature; unset: where SIGNING_PUBLIC_KEYS is set.",
    )

    scored_loans_parquet: bool = Field(
        False,
        description="Write batch scores to one Parquet file per partition as well, under ARTIFACT_ROOT.",
    )

    d_model: int = Field(32, ge=4, description="Width of a token embedding.")
    nhead: int = Field(4, ge=1, description="Attention heads per layer.")
    num_layers: int = Field(6, ge=1, description="Encoder layers.")
    learning_rate: float = Field(
        0.0003, gt=0, description="Learning rate of AdamW; unset: derived from the batch size."
    )
    batch_size: int = Field(32, ge=2, description="Rows per step; unset: derived from the training rows.")
    seed: int = Field(0, ge=0, description="Seed of all random numbers of a training.")

    f1_score_threshold: float = Field(0.8, ge=0, le=1, description="Target F1 of the default class.")
    retraining_sample_threshold: int = Field(
        1000, ge=1, description="Fewest matured rows of an evaluation window."
    )
    retraining_positive_threshold: int = Field(
        100, ge=1, description="Fewest defaults of an evaluation window."
    )
    leakage_auc_limit: float = Field(
        0.1,
        gt=0,
        le=0.5,
        description="Fall in ROC-AUC without the features of high ROC-AUC alone from which they block a training.",
    )
    promotion_policy: Literal["better_than_champion", "strict"] = Field(
        "better_than_champion", description="`strict` never promotes a model below the F1 target."
    )
    approvals: int = Field(
        1,
        ge=1,
        le=9,
        description="Different people that a promotion needs; from 2 on, one of the chain waits for them too.",
    )
    training_max_rows: int = Field(
        2_000_000,
        ge=0,
        description="Most rows that a training reads; beyond it, it takes all defaults and a sample of the other rows. "
        "0: no limit.",
    )
    training_processes: int = Field(
        0,
        ge=0,
        description="Most processes that fit parts of a classifier side by side; 1: none but the run's own. "
        "0: as many as free cores and the length of the training make worthwhile.",
    )
    engine: str = Field(
        "local",
        pattern=r"^(local|ray|ray://[^\s/]+:\d+)$",
        description="Where training, tuning and batch scoring run: `local` in the run's own process, `ray` on the Ray "
        "cluster of this machine or of RAY_ADDRESS, `ray://host:port` on another one.",
    )
    measure_pretraining: bool = Field(
        False,
        description="Fit each classifier a second time from random weights, and record the gain of pretraining.",
    )
    reference_gate: Literal["warn", "require"] = Field(
        "warn",
        description="`require` promotes no model that may discriminate worse than the best plain reference.",
    )
    ensemble: Literal["transformer", "transformer+boosting"] = Field(
        "transformer+boosting",
        description="Members of the classifier; boosting stands for gradient boosting and an additive model.",
    )

    dagster_host: str = Field(
        "127.0.0.1",
        description="IP address of Dagster's UI; any but a loopback address requires DAGSTER_UI_PASSWORD.",
    )
    dagster_port: int = Field(3000, ge=1, le=65535, description="Port of Dagster's UI.")
    dagster_ui_password: SecretStr | None = Field(
        None,
        description="Password of Dagster's UI, or its hash as `loan-default hash-password` prints it.",
    )
    dagster_ui_hosts: str | None = Field(
        None,
        description="Host names under which browsers reach Dagster's UI, separated by commas, besides loopback names.",
    )
    service_http_port: int = Field(8000, ge=1, le=65535, description="Port of the service over HTTP.")
    service_grpc_port: int = Field(50051, ge=1, le=65535, description="Port of the service over gRPC.")
    service_host: str = Field(
        "127.0.0.1", description="Address of both transports; any but a loopback address requires API keys."
    )
    service_workers: int = Field(
        1, ge=1, le=64, description="Worker processes, each with the model in memory."
    )
    service_api_keys: SecretStr | None = Field(
        None,
        description="API keys of the role user (predictions), separated by commas, at least 16 characters each.",
    )
    service_admin_keys: SecretStr | None = Field(
        None,
        description="API keys of the role admin (reload), separated by commas, at least 16 characters each.",
    )
    service_explain_keys: SecretStr | None = Field(
        None,
        description="API keys of the role explain (explanation of a decision, rescoring with corrected data), "
        "separated by commas, at least 16 characters each.",
    )
    service_override_keys: SecretStr | None = Field(
        None,
        description="API keys of the role override (a manual decision instead of the model's), separated by commas, at "
        "least 16 characters each.",
    )
    service_approve_keys: SecretStr | None = Field(
        None,
        description="API keys of the role approve (promotions by several people), as NAME=KEY separated by commas: the "
        "name of the person, who approves once by whatever way; keys of at least 16 characters.",
    )
    service_tls_certificate: Path | None = Field(
        None,
        description="PEM file of the certificate chain; together with SERVICE_TLS_KEY: TLS on HTTP and gRPC.",
    )
    service_tls_key: Path | None = Field(None, description="PEM file of the certificate's private key.")
    service_rate_limit: int = Field(
        0,
        ge=0,
        description="Requests per second and client (a key, otherwise an address), over all workers; 0: no limit.",
    )
    trusted_proxies: str | None = Field(
        None,
        description="Addresses or networks (CIDR) of proxies whose X-Forwarded-For is believed, separated by commas.",
    )
    service_max_body_bytes: int = Field(4 << 20, ge=1024, description="Largest HTTP body in bytes.")
    service_max_header_bytes: int = Field(
        32 << 10,
        ge=1024,
        description="Most bytes of an HTTP request's headers, or of a gRPC call's metadata.",
    )
    service_header_seconds: float = Field(
        10.0, gt=0, description="Seconds in which a client must have sent its headers or gRPC handshake."
    )
    service_keep_alive_seconds: int = Field(
        75,
        ge=1,
        description="Seconds for which an HTTP connection without a request stays open: longer than clients and "
        "proxies keep it, since one that ends while a request arrives loses that request.",
    )
    service_max_message_bytes: int = Field(4 << 20, ge=1024, description="Largest gRPC message in bytes.")
    service_max_concurrency: int = Field(
        512, ge=1, description="Most requests in flight over all workers; beyond it: status 429."
    )
    service_batch_rows: int = Field(64, ge=1, description="Most applications per forward pass.")
    service_queue_rows: int = Field(
        4096, ge=1, description="Most applications queued per worker; beyond it: status 503."
    )
    service_timeout_seconds: float = Field(
        30.0, gt=0, description="Time limit of one HTTP request in seconds."
    )
    service_poll_seconds: float = Field(
        1.0,
        gt=0,
        le=60,
        description="Seconds between two polls of the registry for the champion, per worker; a notification of "
        "PostgreSQL makes it poll at once.",
    )
    service_reload_seconds: float = Field(
        8.0, gt=0, description="Seconds that /reload-model waits for the workers of all replicas."
    )
    service_drain_seconds: float = Field(
        10.0,
        ge=0,
        description="Seconds that a stop waits for requests in flight and for the spool to be shipped.",
    )
    service_spool_bytes: int = Field(
        256 << 20,
        ge=1 << 16,
        description="Most bytes of the prediction log spooled per worker; beyond it: status 503.",
    )
    prometheus_multiproc_dir: str | None = Field(
        None, description="Folder in which the workers share their metrics; set by BentoML."
    )
    bentoml_home: Path | None = Field(
        None, description="Folder of BentoML's models and Bentos; unset: `bentoml` under LOAN_DEFAULT_HOME."
    )
    service_model_tag: str | None = Field(
        None, description="BentoML model `name:version` to serve instead of the champion."
    )

    shadow: str | None = Field(
        None,
        description="Model version that scores all predictions of the service too, after they were answered, or "
        "`last-rejected` for the newest candidate that was rejected; unset: none.",
    )

    retrain_cooldown: float = Field(24.0, ge=0, description="Minimum hours between two automatic trainings.")
    max_retrain_attempts: int = Field(3, ge=1, description="Failed attempts per episode before HOLD.")
    retrain_sensor_seconds: int = Field(
        30, ge=1, description="Seconds between two evaluations of the retraining rule."
    )
    automation_seconds: int = Field(
        30, ge=1, description="Seconds between two evaluations of the automation conditions."
    )
    freshness_seconds: int | None = Field(
        None,
        ge=60,
        description="Age in seconds at which an asset is stale, instead of the portfolio's `refresh`.",
    )
    freshness_retry_cron: str = Field(
        "*/10 * * * *", description="Cron schedule on which a stale asset is retried after a failed run."
    )
    alert_to: SecretStr | None = Field(
        None,
        description="Receiver of alerts (failed runs, HOLD, drift) besides the log: a webhook URL (JSON is posted) "
        "or a command (the JSON is its standard input).",
    )

    retention_dagster_days: int | None = Field(
        None,
        ge=1,
        description="Days for which `prune` keeps Dagster's runs and ticks, and alerts; unset: all.",
    )
    retention_candidate_days: int | None = Field(
        None,
        ge=1,
        description="Days for which `prune` keeps the files of models that were never promoted; unset: all.",
    )
    retention_champions: int | None = Field(
        None,
        ge=2,
        description="Champions whose files `prune` keeps, the present one and those before it; unset: all.",
    )
    retention_bentos: int | None = Field(
        None,
        ge=2,
        description="Champions whose Bentos `prune` keeps, the present one and those before it; unset: all.",
    )
    retention_prediction_days: int | None = Field(
        None,
        ge=31,
        description="Age in days at which `prune` deletes a calendar month of predictions; unset: never.",
    )
    retention_schedule: str | None = Field(
        None,
        description="Cron schedule of Dagster's job `prune`; unset: `loan-default prune --apply` alone deletes.",
    )

    @field_validator("artifact_root")
    @classmethod
    def _a_folder_or_a_plain_url(cls, value: str | None) -> str | None:
        if value is None or "://" not in value:
            return value
        if not _URL.fullmatch(value):
            raise ValueError(
                "must be a folder, or a URL as s3://BUCKET/PREFIX without credentials and patterns; credentials are "
                "given by the variables of the store's library (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
            )
        return value.rstrip("/")

    @property
    def models_root(self) -> str:
        """The folder or URL of model artifacts."""
        return self.artifact_root or str(self.home / "models")

    @property
    def artifact_url(self) -> str | None:
        """The URL of model artifacts; None where they are in a folder."""
        return self.artifact_root if self.artifact_root and "://" in self.artifact_root else None

    @property
    def models_folder(self) -> Path:
        """The folder of model artifacts; where they are behind a URL, that of their copies in the home."""
        if self.artifact_url is None:
            return Path(self.models_root)
        return self.home / "artifact-cache" / hashlib.sha256(self.artifact_url.encode()).hexdigest()[:16]

    @property
    def artifact_folder(self) -> Path:
        """`models_folder` as an absolute path."""
        return self.models_folder.expanduser().resolve()

    @property
    def home(self) -> Path:
        """The home folder as an absolute path."""
        return self.loan_default_home.expanduser().resolve()

    @property
    def bento_store(self) -> Path:
        """BentoML's folder as an absolute path."""
        return (self.bentoml_home or self.home / "bentoml").expanduser().resolve()
