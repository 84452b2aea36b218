"""Rows of loans of which the last holds canaries, and every fault that a single cell can have."""

from collections.abc import Callable
from typing import Any

from loan_default_assets_tests.privacy import canary_values

Cells = dict[str, Any]

HEADER = (
    "number",
    "decided",
    "default",
    "income",
    "debt",
    "children",
    "grade",
    "job",
    "hired",
    "remarks",
    "sex",
    "recovered",
    "model config",
)


def rows(case: int) -> list[Cells]:
    """Two ordinary rows, and one whose cells are canaries wherever the column allows it."""
    good = dict(
        zip(
            HEADER,
            ["L1", "2024-01-01", 0, 30000, 5000, 2, 2, "clerk", "2020-05-01", "x", "f", None, "a"],
            strict=True,
        )
    )
    text = canary_values.text(case)
    return [
        good,
        good | {"number": "L2", "default": 1},
        good
        | {
            "number": f"{text}k",
            "decided": "2024-01-02",
            "debt": canary_values.number(case),
            "hired": canary_values.DATE,
            "remarks": f"{text} Street 5",
        },
    ]


def _changed(**cells: Callable[[Cells], Any]) -> Callable[[list[Cells]], list[Cells]]:
    """The rows with cells of the canary's row replaced by functions of that row."""

    def change(given: list[Cells]) -> list[Cells]:
        last = dict(given[-1])
        return [*given[:-1], last | {name: cell(last) for name, cell in cells.items()}]

    return change


# Faults of single cells, which every kind of source can hold: the canary in a column that does not take it.
CELLS: dict[str, Callable[[list[Cells]], list[Cells]]] = {
    "not a number": _changed(income=lambda row: row["remarks"]),
    "not a date": _changed(hired=lambda row: row["remarks"]),
    "an impossible date": _changed(hired=lambda _: canary_values.DATE.replace("-03-", "-23-")),
    "not a date of decision": _changed(decided=lambda row: row["number"]),
    "a decision in the future": _changed(decided=lambda _: "2999-01-01"),
    "above the maximum": _changed(income=lambda row: row["debt"]),
    "below the minimum": _changed(income=lambda row: -row["debt"]),
    "not a whole number": _changed(children=lambda row: row["debt"] / 8),
    "infinite": _changed(income=lambda _: "Infinity"),
    "an unknown category": _changed(grade=lambda row: row["number"]),
    "an unknown protected category": _changed(sex=lambda row: row["number"]),
    "an unknown label": _changed(default=lambda row: row["number"]),
    "a label that is a number": _changed(default=lambda row: row["debt"]),
    "a NUL byte": _changed(remarks=lambda row: row["remarks"] + "\0"),
    "a key that has lost digits": _changed(number=lambda row: f"{row['debt'] / 1e11:.4f}E+11"),
    "text of another encoding": _changed(remarks=lambda row: row["remarks"] + " Ã¼Ã¤ \ufffd"),
    "a key that is too long for an index": _changed(
        number=lambda row: "".join(f"{row['number']}{n * 7919 % 99991}" for n in range(900))
    ),
    "a key that is missing": _changed(number=lambda _: ""),
    "a row twice": lambda given: [*given, given[-1]],
    "no fault": list,
}
