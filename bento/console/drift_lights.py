"""Which indices of drift the console shows, the worst first."""

from loan_default_assets.warehouse.drift_log import DriftState, StoredPsi

MOST_LIGHTS = 10
_ORDER = ("red", "amber", "green")


def shown_lights(state: DriftState) -> tuple[StoredPsi, ...]:
    """The PSI of the score and of the features, the worst light and the highest index first; at most MOST_LIGHTS."""
    score = state.scored.score if state.scored else None
    compared = [*([score] if score else []), *state.newest.features]
    return tuple(sorted(compared, key=lambda each: (_ORDER.index(each.light), -each.psi))[:MOST_LIGHTS])
