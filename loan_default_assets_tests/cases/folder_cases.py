"""What a user expects of the files of the shared folder of cases: statements of its README, cell by cell."""

import shlex
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest
from loan_default_assets_tests.cases.case_files import Case

_FIRST_LOAN = date(2018, 1, 1)
_NOT_INPUT = ("COMMAND.txt", "COMMAND.sh", "EXPECTED.txt")


def _number(column: str = "income", first: float | None = None, **more: Any) -> dict[str, Any]:
    cells = {} if first is None else {column: {1: first}}
    return {"uses": {column: "number"}, "cells": cells, **more}


_ISSUED: dict[str, Any] = {"cells": {"as_of": {1: _FIRST_LOAN}}}
_MISSING: dict[str, Any] = {"uses": {"income": "number", "purpose": "category"}}

# The files that go through, by case; their fields are those of `Case`.
EXPECTED: dict[str, dict[str, Any]] = {
    "big_account": {"uses": {"account": "ignored"}, "said": ["an identifier"]},
    "blank_comma_rows": {},
    "cols_empty_last": {},
    "cols_newline": {},
    "cols_reserved2": {"uses": {"loan_id": "ignored", "label": "ignored"}},
    "comma_in_header_semicolon": {"source": {"delimiter": ";"}},
    "comment_head": {"source": {"comment": "#"}},
    **dict.fromkeys(
        [
            "date_ampm",
            "date_dmy_time",
            "date_dot_kr",
            "date_kor",
            "date_long",
            "date_mdy_time",
            "date_mixed_yy",
            "date_mon_year",
            "date_quarter",
            "date_serial",
            "date_us_long",
            "date_ym",
            "date_ym6",
        ],
        _ISSUED,
    ),
    "date_feature_ymd8": {"uses": {"opened": "date", "birth": "date", "maturity": "date"}},
    "date_future": {"said": ["(row 100)"], "violations": ["(row 100)"]},
    "date_missing_few": {"said": ["no date (row 50)"], "violations": ["(row 50)"]},
    "date_zero": {"uses": {"hired": "date"}},
    "dup_cols": {
        "uses": {"rate": "number", "rate.1": "number"},
        "cells": {"rate": {1: 14.54}, "rate.1": {1: 19.53}},
    },
    "enc_cp1251": {"source": {"encoding": "cp1251"}, "said": ["cp1251"]},
    "enc_gbk": {"refused": ["likely: gb18030", "--encoding"]},
    "enc_latin1": {"source": {"encoding": "cp1252"}, "said": ["cp1252"]},
    "enc_utf16": {"source": {}},
    "enc_utf16_tab": {"source": {"delimiter": "\t"}},
    "eu_plain_decimal": {"uses": {"zins": "number", "dti": "number"}, "cells": {"zins": {1: 14.54}}},
    "german_12": {"refused": ["default = 2 (", "default = 1 (", "--positive VALUE"]},
    "html_xls": {"refused": ["is an HTML page"]},
    "ids_float": {"cells": {"loan_id": {1: "100001"}}},
    "jsonl": {"said": ["one object per line"]},
    "label_dpd": {"said": ["days_past_due >= 90"], "cells": {"label": {1: 1.0, 4: 0.0}}},
    "label_paid_back": {"said": ["default = 0 ("]},
    "label_unknown_word": {"said": ["without an outcome"]},
    "lc_body": {
        "uses": {
            "int_rate": "number",
            "revol_util": "number",
            "term": "number",
            "earliest_cr_line": "date",
            "id": "ignored",
        },
        "cells": {"term": {1: 36.0}, "int_rate": {1: 14.54}},
    },
    "lc_prose": {"source": {"header": 2, "skip_footer": 2}},
    "lc_status_iso": {"said": ["default = Charged Off or Default", "without an outcome yet"]},
    **dict.fromkeys(
        [
            "na_01",
            "na_04",
            "na_05",
            "na_07",
            "na_08",
            "na_10",
            "na_11",
            "na_13",
            "na_14",
            "na_16",
            "na_17",
            "na_19",
            "na_20",
        ],
        _MISSING,
    ),
    "na_case": _number(),
    "na_padded": _number(),
    "name_dagster": {"portfolio_name": "loans_dagster"},
    "name_public": {"portfolio_name": "loans_public"},
    "nul_cells": {"refused": ["column note", "(row 100)"]},
    "nul_tail": {"refused": ["it is damaged"]},
    "num_ages": _number(said=["months"]),
    "num_dollar": _number(first=54379.0),
    "num_eur": _number(first=54379.0),
    "num_k": _number(first=54000.0),
    "num_lakh": _number(first=54379.0),
    "num_months": _number(),
    "num_nbsp": _number(first=54379.0),
    "num_percent": _number(first=19.53),
    "num_quoted_eq": _number(first=54379.0),
    "num_trailing_minus": _number(),
    "num_underscore": _number(),
    "num_years": _number(),
    "numeric_in_text": {"uses": {"fico": "number", "dependents": "number"}, "cells": {"fico": {1: 656.0}}},
    "one_bad_number": {
        "violations": ["column income: not a number: 1 cell (row 77)"],
        "bad_cells": {"income": 77},
    },
    "pipe_headerless": {"source": {"delimiter": "|", "header": 0}, "said": ["no header line"]},
    "pq_filtered_index": {"said": ["__index_level_0__ is the row index of pandas"]},
    "pq_strnum": {
        "uses": {"income": "number", "rate": "number"},
        "cells": {"income": {1: 54379.0}, "rate": {1: 14.54}},
    },
    # Two of its years have a letter (1976A): violations, as the dates before 1970 are none.
    "sba_1969": {
        "uses": {"GrAppv": "number", "ApprovalFY": "number"},
        "said": ["%d-%b-%y (years 1927-2026)"],
        "violations": ["column ApprovalFY: not a number: 2 cells (rows 7, 104)"],
        "bad_cells": {"ApprovalFY": 7},
    },
    "sep_line": {"source": {"delimiter": ";", "header": 2}},
    "short_rows": {"refused": ["(row 99), line 100", "fill_short_rows: true"]},
    "single_quotes": {"source": {"quote": "'"}},
    "thousands": {"uses": {"amount": "number", "income": "number"}, "cells": {"amount": {1: 25000.0}}},
    "total_row": {"source": {"skip_footer": 1}, "said": ["last line is no loan"]},
    "two_headers": {"source": {"header": 2}},
    "unnamed_index": {"uses": {"unnamed_1": "ignored"}, "said": ["row number"]},
    "ws_aligned": {"source": {"delimiter": " "}},
    "xls": {"source": {"header": 2}},
    "xlsx": {"source": {}},
    "zip_file": {},
}
# Cases that a script writes: their subject is what the evidence of leakage says, which other tests measure.
OF_LEAKAGE = frozenset({"leak_lc_many", "rare", "redundant_leaks"})


def folder_case(folder: Path, name: str) -> Case:
    """The case of a folder, with the options of its command; a question that it leaves open is answered."""
    [path] = [path for path in folder.iterdir() if path.name not in _NOT_INPUT]
    request = _request((folder / "COMMAND.txt").read_text("utf-8"))
    if request.label in ("y", "x12") or name in ("two_headers", "ws_aligned"):
        positive = {"ws_aligned": "2"}.get(name, "1")
        request = replace(request, positive=(positive,))
    if request.date is not None:
        request = replace(request, horizon_days=30)
    undated = replace(request, undated=request.date is None)

    def copy(target: Path) -> Path:
        copied = target / path.name
        copied.write_bytes(path.read_bytes())
        return copied

    return Case(name, copy, undated, **EXPECTED[name])


def _request(command: str) -> DraftRequest:
    words = shlex.split(command.split("&&")[0])
    options = dict(zip(words[3::2], words[4::2], strict=True))
    return DraftRequest(options.get("--label"), options.get("--date"), options.get("--key"))
