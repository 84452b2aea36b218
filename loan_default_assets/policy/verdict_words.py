"""Recorded statuses and verdicts of a model in the words that commands and logs print."""

STATUS_WORDS = {
    "candidate": "candidate",
    "champion": "champion",
    "retired": "former champion",
    "rejected": "rejected",
}
_VERDICTS = {
    "approved": "approved",
    "approved_below_target": "approved below the target",
    "approved_leakage_not_excluded": "approved although leakage is not excluded",
    "provisional": "provisional",
    "rejected": "rejected",
    "insufficient_labels": "too few labels",
}
# A later verdict on a champion says whether it is at the target, and promotes nothing.
_AS_CHAMPION = {
    "approved": "at the target as champion",
    "approved_below_target": "below the target as champion",
}


def verdict_words(verdict: str, role: str | None = "candidate") -> str:
    """A verdict in words.

    Args:
        verdict: As it is recorded; one of another release is shown as it is.
        role: As what the model was evaluated, `candidate` or `champion`.

    Examples:
        >>> verdict_words("approved_below_target"), verdict_words("approved_below_target", "champion")
        ('approved below the target', 'below the target as champion')
    """
    words = _VERDICTS | _AS_CHAMPION if role == "champion" else _VERDICTS
    return words.get(verdict, verdict)
