"""A refused request as a page, for a browser."""

from dataclasses import dataclass

from bento.console.page_rendering import SECURITY_HEADERS, render
from bento.console.page_texts import Language, Texts, catalogue
from bento.schemas.problems import Problem


@dataclass(frozen=True)
class ProblemPage:
    """The body and the headers of the response."""

    body: bytes
    headers: list[tuple[bytes, bytes]]


def problem_page(problem: Problem, language: Language) -> ProblemPage:
    """The page of a problem."""
    body = render(
        "problem",
        language,
        portfolio="",
        visitor=None,
        problem=problem,
        explanation=explanation(problem, Texts(language)),
    )
    headers = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
    return ProblemPage(body, headers)


def explanation(problem: Problem, texts: Texts) -> str:
    """The problem in the language of the page; its own message may hold paths and is not shown."""
    key = f"problem.{problem.code}"
    return texts(key if key in catalogue() else "problem.other")
