"""Which models may lose their files: never those that serve, await a verdict, or a rollback or run could need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

# With fewer, a rollback would have nothing to go back to.
LEAST_CHAMPIONS = 2


class RetainedModel(Protocol):
    """What the rule reads of a registered version."""

    @property
    def version(self) -> str: ...

    @property
    def kind(self) -> Literal["encoder", "classifier"]: ...

    @property
    def status(self) -> str: ...

    @property
    def portfolio_hash(self) -> str: ...

    @property
    def snapshot_hash(self) -> str: ...

    @property
    def hyper_parameters(self) -> Mapping[str, Any]: ...

    @property
    def created_at(self) -> datetime | None: ...

    @property
    def promoted_at(self) -> datetime | None: ...


@dataclass(frozen=True)
class ModelRetention:
    """What is kept; None keeps all.

    Attributes:
        candidate_days: Days for which a version that was never promoted is kept after its training.
        champions: Champions that are kept: the present one and those before it, at least LEAST_CHAMPIONS.
    """

    candidate_days: int | None = None
    champions: int | None = None


def kept_champions(models: Sequence[RetainedModel], count: int | None) -> list[RetainedModel]:
    """The champion and the newest former champions that a rollback can restore, `count` in all.

    Args:
        models: All versions.
        count: At least LEAST_CHAMPIONS are kept; None: all.
    """
    champion = [model for model in models if model.status == "champion"]
    retired = sorted((model for model in models if model.status == "retired"), key=_promoted, reverse=True)
    return champion + (retired if count is None else retired[: max(count, LEAST_CHAMPIONS) - 1])


def prunable_models(
    models: Sequence[RetainedModel], retention: ModelRetention, now: datetime
) -> list[RetainedModel]:
    """The versions whose files may be deleted.

    Args:
        models: All versions, the newest first.
        retention: What is kept.
        now: The present time.
    """
    kept = kept_champions(models, retention.champions)
    needed = {model.version for model in kept} | _needed_by_runs(models, kept)
    found = []
    for model in models:
        if model.version in needed:
            continue
        if model.promoted_at is None:
            due = _is_older(model, retention.candidate_days, now)
        else:
            # A champion that was rolled back leaves with the champions of its time.
            due = retention.champions is not None and _promoted(model) < min(
                map(_promoted, kept), default=now
            )
        if due:
            found.append(model)
    return found


def _needed_by_runs(models: Sequence[RetainedModel], kept: Sequence[RetainedModel]) -> set[str]:
    """Versions that a run may read at any time: challengers, encoders, and what a repeated training would reuse."""
    newest: dict[tuple[str, str], RetainedModel] = {}
    for model in models:
        if model.kind == "encoder" or model.status == "candidate":
            newest.setdefault((model.kind, model.portfolio_hash), model)
    last = {model.kind: model.snapshot_hash for model in reversed(models)}
    readers = [*newest.values(), *kept]
    encoders = {str(model.hyper_parameters.get("encoder")) for model in readers}
    reused = {model.version for model in models if model.snapshot_hash in last.values()}
    return reused | encoders | {model.version for model in newest.values()}


def _is_older(model: RetainedModel, days: int | None, now: datetime) -> bool:
    return days is not None and model.created_at is not None and now - model.created_at > timedelta(days=days)


def _promoted(model: RetainedModel) -> datetime:
    return model.promoted_at or datetime.min.replace(tzinfo=UTC)
