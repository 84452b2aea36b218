"""Every environment variable: name, type, default and unit. Nothing else reads the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Values from the environment; the field name in capitals is the variable's name."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    portfolio: str = Field(
        "demo", description="Name from the portfolio library, or a path to a portfolio file."
    )
    loan_source: str | None = Field(
        None, description="CSV or Parquet file, or SQL URL, in place of the portfolio's own source."
    )
    loan_default_home: Path = Field(
        Path(".loan_default"), description="Folder of all state that is not in PostgreSQL."
    )
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL server; unset: the embedded server is started."
    )
    artifact_root: str | None = Field(
        None, description="Folder of model artefacts; unset: `models` under the home."
    )

    d_model: int = Field(32, ge=4, description="Width of a token.")
    nhead: int = Field(4, ge=1, description="Attention heads.")
    num_layers: int = Field(6, ge=1, description="Encoder layers.")
    learning_rate: float = Field(0.0003, gt=0, description="Step size of AdamW.")
    batch_size: int = Field(32, ge=2, description="Rows a step.")
    seed: int = Field(0, ge=0, description="Seed of every random number of a training.")

    f1_score_threshold: float = Field(0.8, ge=0, le=1, description="Target F1 of the default class.")
    retraining_sample_threshold: int = Field(1000, ge=1, description="Matured rows that a window needs.")
    retraining_positive_threshold: int = Field(100, ge=1, description="Defaults that a window needs.")
    leakage_auc_limit: float = Field(
        0.1,
        gt=0,
        le=0.5,
        description="ROC-AUC that one feature may add before it is suspected to know the outcome.",
    )
    promotion_policy: Literal["better_than_champion", "strict"] = Field(
        "better_than_champion", description="`strict` never deploys below the F1 target."
    )

    dagster_port: int = Field(3000, ge=1, le=65535, description="Dagster UI.")
    service_http_port: int = Field(8000, ge=1, le=65535, description="Predictions over HTTP.")
    service_grpc_port: int = Field(50051, ge=1, le=65535, description="Predictions over gRPC.")
    service_host: str = Field(
        "127.0.0.1", description="Address of both transports; any but a loopback one needs API keys."
    )
    service_workers: int = Field(1, ge=1, le=64, description="Processes that answer, each with the model.")
    service_api_keys: SecretStr | None = Field(
        None, description="Keys that may ask for predictions, separated by commas, 16 characters or more."
    )
    service_admin_keys: SecretStr | None = Field(
        None, description="Keys that may reload the model, separated by commas, 16 characters or more."
    )
    service_tls_certificate: Path | None = Field(
        None, description="PEM file of the certificate chain; set with SERVICE_TLS_KEY: TLS on HTTP and gRPC."
    )
    service_tls_key: Path | None = Field(None, description="PEM file of the certificate's private key.")
    service_rate_limit: int = Field(
        0, ge=0, description="Requests a second of one client, over all workers; 0: no limit."
    )
    service_max_body_bytes: int = Field(4 << 20, ge=1024, description="Largest HTTP body in bytes.")
    service_max_message_bytes: int = Field(4 << 20, ge=1024, description="Largest gRPC message in bytes.")
    service_max_concurrency: int = Field(
        512, ge=1, description="Requests in flight over all workers; more: 429."
    )
    service_batch_rows: int = Field(64, ge=1, description="Loans of one forward pass.")
    service_queue_rows: int = Field(4096, ge=1, description="Loans that may wait in a worker; more: 503.")
    service_timeout_seconds: float = Field(30.0, gt=0, description="Longest time of one HTTP request.")
    service_poll_seconds: float = Field(
        1.0, gt=0, le=60, description="How often a worker asks the registry for the champion."
    )
    service_reload_seconds: float = Field(
        8.0, gt=0, description="How long /reload-model waits for the workers."
    )
    service_drain_seconds: float = Field(
        10.0, ge=0, description="How long a stop waits for requests in flight and for the journal."
    )
    service_spool_bytes: int = Field(
        256 << 20, ge=1 << 16, description="Most bytes of undelivered journal a worker keeps; more: 503."
    )
    prometheus_multiproc_dir: str | None = Field(
        None, description="Where the workers add up their metrics; BentoML sets it for them."
    )
    bentoml_home: Path | None = Field(
        None, description="Folder of BentoML's models and Bentos; unset: `bentoml` under the home."
    )
    service_model_tag: str | None = Field(
        None, description="BentoML model `name:version` to serve for good, in place of the champion."
    )

    retrain_cooldown: float = Field(
        24.0, ge=0, description="Hours between two trainings that nobody asked for."
    )
    max_retrain_attempts: int = Field(3, ge=1, description="Failed attempts of an episode before HOLD.")
    retrain_sensor_seconds: int = Field(30, ge=1, description="How often the retraining rule looks.")
    automation_seconds: int = Field(
        30, ge=1, description="How often stale and new partitions are looked for."
    )
    freshness_seconds: int | None = Field(
        None, ge=60, description="Age at which an asset is stale, in place of the portfolio's `refresh`."
    )
    freshness_retry_cron: str = Field(
        "*/10 * * * *", description="When a stale asset is tried again, after a run that failed."
    )
    alert_to: SecretStr | None = Field(
        None,
        description="Who is told of failed runs and of HOLD, beside the log: a webhook URL (JSON is posted), "
        "or a command (the JSON is its standard input).",
    )

    @property
    def models_root(self) -> str:
        """The folder of model artefacts."""
        return self.artifact_root or str(self.home / "models")

    @property
    def home(self) -> Path:
        """The home folder as an absolute path."""
        return self.loan_default_home.expanduser().resolve()

    @property
    def bento_store(self) -> Path:
        """BentoML's folder as an absolute path."""
        return (self.bentoml_home or self.home / "bentoml").expanduser().resolve()
