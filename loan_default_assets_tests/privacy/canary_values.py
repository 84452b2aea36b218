"""Values of applicants that occur nowhere else, and the search for them in any text."""

import re
from collections.abc import Iterable

DATE = "1931-03-17"
# What a canary may look like after it was formatted, parsed, escaped, or cut off at its end.
_TRACES = re.compile(
    r"(?i:canaryq(\d{3}))|826193(\d{3})547|8\.26193(\d{3})547|1931-0?3-17|17[./]0?3[./]1931|1931, 3, 17|-1224201600"
)


def text(case: int) -> str:
    """A text that only this case holds."""
    return f"Canaryq{case:03d}"


def number(case: int) -> int:
    """A number that only this case holds."""
    return 826_193_000_547 + 1000 * case


def traces(content: str) -> list[tuple[str, str]]:
    """The canaries in a content, each with the number of its case (empty for the common date) and surroundings."""
    found = {}
    for match in _TRACES.finditer(content):
        case = next((group for group in match.groups() if group), "")
        around = content[max(0, match.start() - 160) : match.end() + 20]
        found.setdefault(case, " ".join(around.split()))
    return list(found.items())


def leaks(contents: Iterable[tuple[str, str]], names: Iterable[str]) -> list[str]:
    """One line per place and case, for contents by place.

    Args:
        contents: Names of places and what they hold.
        names: The names of the cases, in the order of their numbers.
    """
    by_number = {f"{number:03d}": name for number, name in enumerate(names)}
    return [
        f"{place}: {by_number.get(case, 'a date')}: ...{around}"
        for place, content in contents
        for case, around in traces(content)
    ]
