"""Discrimination that features known at application seldom reach, though no single feature is accused."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LeakageDoubt:
    """Why leakage is not excluded although no feature is found to know the outcome.

    Several features that each know a little of the outcome discriminate together like one that knows it.

    Attributes:
        roc_auc: ROC-AUC of a quick model, out of fold, on the features that are not attested.
        limit: ROC-AUC that features known at application seldom reach.
        telling: The most telling features, each with its ROC-AUC alone.
    """

    roc_auc: float
    limit: float
    telling: tuple[tuple[str, float], ...]

    def sentence(self) -> str:
        """The figures, and what to do.

        Examples:
            >>> LeakageDoubt(0.912, 0.88, (("letters", 0.74), ("visits", 0.71))).sentence()[:66]
            'Leakage is not excluded: a quick model reaches a ROC-AUC of 0.912,'
        """
        return (
            f"Leakage is not excluded: a quick model reaches a ROC-AUC of {self.roc_auc:.3f}, more than features known "
            f"at application usually reach ({self.limit:.2f}); the most telling ones alone are {self.telling_text()}. "
            "Next: list those that change after the loan is granted under known_after_outcome in the portfolio, and "
            "those that are known at application under known_at_application, and train again."
        )

    def telling_text(self) -> str:
        """The most telling features with their ROC-AUC alone."""
        return ", ".join(f"{name} ({alone:.3f})" for name, alone in self.telling)
