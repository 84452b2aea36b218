"""Which indices of drift the console shows, the worst first."""

from dataclasses import dataclass

from bento.console.page_texts import Texts
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.drift_log import SCORE, DriftState, StoredPsi

MOST_LIGHTS = 10
_ORDER = ("red", "amber", "green")


@dataclass(frozen=True)
class ShownIndex:
    """One index on the page.

    Attributes:
        title: What the feature is, or the score, in the language of the page.
        column: The feature's name, where the title is another text; empty otherwise.
    """

    title: str
    column: str
    index: StoredPsi


def shown_lights(state: DriftState, portfolio: Portfolio, texts: Texts) -> tuple[ShownIndex, ...]:
    """The PSI of the score and of the features, the worst light and the highest index first; at most MOST_LIGHTS."""
    score = state.scored.score if state.scored else None
    compared = [*([score] if score else []), *state.newest.features]
    ordered = sorted(compared, key=lambda each: (_ORDER.index(each.light), -each.psi))
    return tuple(_shown(each, portfolio, texts) for each in ordered[:MOST_LIGHTS])


def _shown(index: StoredPsi, portfolio: Portfolio, texts: Texts) -> ShownIndex:
    if index.name == SCORE:
        return ShownIndex(texts("drift.score"), "", index)
    title = portfolio.reason(index.name, texts.language)
    return ShownIndex(title, "" if title == index.name else index.name, index)
