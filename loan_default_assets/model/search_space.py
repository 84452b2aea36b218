"""The settings that tuning may change, and the values that it tries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from loan_default_assets.model.config import ModelConfig


@dataclass(frozen=True)
class Dimension:
    """One setting of `ModelConfig` and its values: a range or choices.

    Attributes:
        name: The setting.
        low: Smallest value of a range.
        high: Largest value of a range.
        log: Whether a range is searched on a logarithmic scale.
        choices: All values, in place of a range.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Any, ...] = ()

    def including(self, value: Any) -> Dimension:
        """The same dimension, widened to hold a value.

        Examples:
            >>> Dimension("dropout", 0.0, 0.5).including(0.6).high
            0.6
            >>> Dimension("bins", choices=(0, 24)).including(12).choices
            (0, 12, 24)
        """
        if self.choices:
            return replace(self, choices=tuple(sorted({*self.choices, value})))
        return replace(self, low=min(self.low, value), high=max(self.high, value))

    def rounded(self, value: Any) -> Any:
        """The value to train with: a range has two digits, so that a file shows exactly what was tried.

        Examples:
            >>> Dimension("learning_rate", 1e-4, 1e-2, log=True).rounded(0.0012345)
            0.0012
            >>> Dimension("dropout", 0.0, 0.5).rounded(0.234567)
            0.23
        """
        if self.choices:
            return value
        return float(f"{value:.2g}") if self.log else round(value, 2)

    @property
    def text(self) -> str:
        """The values for people.

        Examples:
            >>> Dimension("learning_rate", 1e-4, 1e-2, log=True).text
            '0.0001 to 0.01, logarithmic'
        """
        if self.choices:
            return ", ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}{', logarithmic' if self.log else ''}"


# The sizes of the network are not searched: they decide the cost of serving, not only the quality.
SEARCH_SPACE = (
    Dimension("learning_rate", 0.0002, 0.005, log=True),
    Dimension("batch_size", choices=(32, 64, 128, 256, 512)),
    Dimension("weight_decay", 1e-6, 0.01, log=True),
    Dimension("weight_average", choices=(0.0, 0.99, 0.995)),
    Dimension("dropout", 0.0, 0.5),
    Dimension("attention_dropout", 0.0, 0.5),
    Dimension("head_dropout", 0.0, 0.5),
    Dimension("teacher", 0.0, 0.7),
    Dimension("reconstruction_weight", choices=(0.0, 1.0)),
    Dimension("target_weight", choices=(0.0, 1.0)),
    Dimension("frozen_epochs", choices=(0, 1)),
    Dimension("bins", choices=(0, 24, 48)),
    Dimension("token_width", choices=(0, 4, 8, 16)),
)


def space_around(present: ModelConfig) -> tuple[Dimension, ...]:
    """The search space, widened to hold the present settings.

    Args:
        present: Settings, none of them left to be derived.

    Examples:
        >>> space_around(ModelConfig(bins=12).for_rows(100))[-2].choices
        (0, 12, 24, 48)
    """
    return tuple(dimension.including(getattr(present, dimension.name)) for dimension in SEARCH_SPACE)


def searched(config: ModelConfig) -> dict[str, Any]:
    """The searched settings of a configuration, by name.

    Examples:
        >>> searched(ModelConfig())["bins"]
        24
    """
    return {dimension.name: getattr(config, dimension.name) for dimension in SEARCH_SPACE}


def changes_to(present: ModelConfig, best: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """The settings to give, so that a training on so many rows uses the best ones.

    A setting that is derived from another one, as the learning rate is from the batch size, is given too where it would
    be derived to another value.

    Args:
        present: The settings as they are given today.
        best: The searched settings to arrive at.
        rows: Training rows.

    Examples:
        >>> best = searched(ModelConfig(batch_size=256, learning_rate=2e-3))
        >>> changes_to(ModelConfig(), best, 1000)
        {'learning_rate': 0.002, 'batch_size': 256}
    """
    changes: dict[str, Any] = {}
    while differing := dict(_differing(replace(present, **changes).for_rows(rows), best)):
        changes |= differing
    return changes


def fixed_settings(config: ModelConfig) -> dict[str, Any]:
    """What every trial has in common: the settings that are not searched, without those of the machine.

    Examples:
        >>> "bins" in fixed_settings(ModelConfig()), "d_model" in fixed_settings(ModelConfig())
        (False, True)
    """
    machine = {"threads", "device"}
    varied = {dimension.name for dimension in SEARCH_SPACE}
    return {
        field.name: getattr(config, field.name)
        for field in fields(config)
        if field.name not in varied | machine
    }


def _differing(present: ModelConfig, best: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in best.items():
        if getattr(present, name) != value:
            yield name, value
