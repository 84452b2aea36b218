"""Every environment variable of the project: name, type, default and unit. Nothing else reads the environment."""

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
    promotion_policy: Literal["better_than_champion", "strict"] = Field(
        "better_than_champion", description="`strict` never deploys below the F1 target."
    )

    dagster_port: int = Field(3000, ge=1, le=65535, description="Dagster UI.")
    service_http_port: int = Field(8000, ge=1, le=65535, description="Predictions over HTTP.")
    service_grpc_port: int = Field(50051, ge=1, le=65535, description="Predictions over gRPC.")

    @property
    def home(self) -> Path:
        """The home folder as an absolute path."""
        return self.loan_default_home.expanduser().resolve()
