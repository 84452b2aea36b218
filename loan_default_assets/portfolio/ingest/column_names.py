"""Column names: as they are read from a file, and as a portfolio and its tables can use them."""

import re
from collections.abc import Iterable, Sequence

from loan_default_assets.portfolio.validation import RESERVED

_LONGEST = 63


def names_as_read(cells: Iterable[str]) -> tuple[str, ...]:
    """The names of a header line: one line each, without surrounding blanks, none blank and none twice.

    A blank name becomes `unnamed_N` (N: position from 1), the second `rate` becomes `rate.1`, as pandas names it.
    """
    names: list[str] = []
    cleaned = [re.sub(r"\s*[\r\n\t\x00]+\s*", " ", str(cell)).strip().strip("\ufeff") for cell in cells]
    taken = {name for name in cleaned if name}
    for position, name in enumerate(cleaned, start=1):
        candidate = name or f"unnamed_{position}"
        count = 0
        while candidate in names or (count and candidate in taken):
            count += 1
            candidate = f"{name or f'unnamed_{position}'}.{count}"
        names.append(candidate)
    return tuple(names)


def usable_names(names: Sequence[str]) -> dict[str, str]:
    """A name per column that a portfolio accepts under `columns`, equal to the name as read where that is possible.

    Names of more than 63 bytes are cut, names of the tables' own columns get the suffix `_in_file`, control
    characters become blanks, and of names that differ only in case the later ones get a number.
    """
    usable: dict[str, str] = {}
    # Names that need no change are given first, so that a changed name never takes one of them.
    taken = {_fold(name) for name in names if name == _plain(name)}
    first_with_case = {_fold(name): name for name in reversed(names) if name == _plain(name)}
    for name in names:
        plain = _plain(name)
        if name == plain and first_with_case[_fold(name)] == name:
            usable[name] = name
            continue
        candidate, count = plain, 1
        while _fold(candidate) in taken:
            count += 1
            suffix = f"_{count}"
            candidate = _cut(plain, _LONGEST - len(suffix)) + suffix
        taken.add(_fold(candidate))
        usable[name] = candidate
    return usable


def _plain(name: str) -> str:
    printable = (
        re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028\u2029\ufeff]+", " ", name).strip() or "unnamed"
    )
    if printable in RESERVED:
        printable += "_in_file"
    return _cut(printable, _LONGEST)


def _cut(name: str, most_bytes: int) -> str:
    return name.encode()[:most_bytes].decode("utf-8", "ignore").strip()


def _fold(name: str) -> str:
    return name.casefold()
