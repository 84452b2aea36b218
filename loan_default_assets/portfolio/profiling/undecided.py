"""The error of a draft that needs a human's answer, with the question and its possible answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from loan_default_assets.portfolio.errors import PortfolioError


@dataclass(frozen=True)
class Choice:
    """A possible answer: the value to give, and what it means."""

    value: str
    text: str


class UndecidedError(PortfolioError):
    """The file does not decide; a human must.

    Attributes:
        option: What is asked for: label, date, date_format, positive or horizon_days.
        question: The question in one sentence.
        choices: Possible answers, the proposed one first; empty for a free answer.
        hint: The option of `init` that gives the answer.
    """

    def __init__(self, option: str, question: str, choices: tuple[Choice, ...], *, hint: str) -> None:
        self.option, self.question, self.choices, self.hint = option, question, choices, hint
        lines = [question, *(f"  {choice.text}" for choice in choices), f"Next: the same command with {hint}"]
        super().__init__("\n".join(lines))

    def after(self, said: Sequence[str]) -> "UndecidedError":
        """The same question with what must be known to answer it."""
        end = "." if said and self.question[-1:] not in ".?" else ""
        question = " ".join((f"{self.question}{end}", *said))
        return UndecidedError(self.option, question, self.choices, hint=self.hint)
