"""Layouts of text files: encodings, separators, quotes, line ends, compression, and what surrounds the table."""

import bz2
import gzip
import lzma
from dataclasses import replace
from typing import Any

from loan_default_assets_tests.cases.case_files import DATED, UNDATED, Case, file, loans, rows_in, text_of
from loan_default_assets_tests.portfolio.ingest.loan_files import csv_text, zipped, zstd

_PLAIN = text_of(loans())
_ROWS = rows_in(loans())
_FIRST = {"amount": {1: 1000.0, 2: 1137.0, 60: 9083.0}, "purpose": {1: "car"}}


def _same(name: str, data: str | bytes, file_name: str = "loans.csv", **expected: Any) -> Case:
    """The plain loans in another layout."""
    return Case(name, file(data, file_name), **({"cells": _FIRST, "source": {}} | expected))


def _cities(name: str, encoding: str, *cities: str, column: str = "city", **expected: Any) -> Case:
    """The loans with a column of cities in an encoding."""
    cells = {column: dict(enumerate(cities, start=1))}
    text = text_of(loans(**{column: cities}))
    return Case(name, file(text.encode(encoding)), **({"cells": cells} | expected))


_WESTERN = ("München", "São Paulo", "Zürich")
_RUSSIAN, _CHINESE = ("Казань", "Москва", "Тверь"), ("北京市", "上海市", "广州市", "汽车贷款")
_KOREAN, _JAPANESE = ("서울", "부산", "대구"), ("東京都", "大阪府", "自動車ローン")
_COMMA = text_of(loans(rate=[f"{5 + n}.{n:02d}" for n in range(20)], dti=["7.5", "9.25"])).replace(
    "rate", "rate, in %"
)
_DECIMAL = text_of(loans(zins=[f"{5 + n},{n:02d}" for n in range(20)]), delimiter=";")
_SHORT = "".join(
    line.rsplit(",", 1)[0] + "\n" if n == 9 else line + "\n" for n, line in enumerate(_PLAIN.splitlines())
)
_SPLIT = "id,issued,amount,bad\n" + "".join(
    f"K{n},2018-01-{n % 28 + 1:02d},{n % 9 + 1},{n * 17 % 1000:03d},{int(n % 7 == 0)}\n" for n in range(60)
)

LAYOUT_CASES = [
    _cities("enc_latin1", "latin-1", *_WESTERN, source={"encoding": "cp1252"}, said=["cp1252"]),
    _cities("enc_utf16", "utf-16", *_WESTERN, source={}),
    _cities("enc_utf16_no_mark", "utf-16-le", *_WESTERN),
    _cities("enc_utf8_mark", "utf-8-sig", *_KOREAN, source={}),
    _cities("enc_cp949", "cp949", *_KOREAN, column="지역"),
    _cities("enc_cp1251", "cp1251", *_RUSSIAN, source={"encoding": "cp1251"}, said=["cp1251"]),
    _cities("enc_gbk", "gbk", *_CHINESE, column="城市", refused=["likely: gb18030", "init: --encoding"]),
    _cities(
        "enc_gbk_given",
        "gbk",
        *_CHINESE,
        column="城市",
        request=replace(DATED, encoding="gbk"),
        source={"encoding": "gbk"},
    ),
    _cities(
        "enc_shift_jis", "shift-jis", *_JAPANESE, column="都市", source={"encoding": "cp932"}, said=["cp932"]
    ),
    _cities(
        "enc_shift_jis_undecided",
        "shift-jis",
        "東京都",
        "大阪府",
        column="都市",
        refused=["likely: cp932", "init: --encoding"],
    ),
    _cities(
        "enc_shift_jis_given",
        "shift-jis",
        *_JAPANESE,
        column="都市",
        request=replace(DATED, encoding="shift_jis"),
    ),
    _same(
        "enc_utf16_tab",
        text_of(loans(), delimiter="\t").encode("utf-16"),
        "loans.txt",
        source={"delimiter": "\t"},
    ),
    Case(
        "enc_decoded_wrongly",
        file(text_of(loans(city=_WESTERN)).encode().decode("latin-1")),
        violations=["column city: text decoded with the wrong encoding", "rows 1, 2"],
    ),
    *(
        _same(f"delimiter_{name}", text_of(loans(), delimiter=mark), source={"delimiter": mark})
        for name, mark in (("tab", "\t"), ("pipe", "|"), ("caret", "^"), ("semicolon", ";"))
    ),
    Case(
        "comma_in_header_semicolon",
        file(_COMMA.replace(",", ";").replace("rate; in %", "rate, in %, of a, b, c, d")),
        source={"delimiter": ";"},
        uses={"dti": "number"},
    ),
    Case(
        "delimiter_decimal_comma",
        file(_DECIMAL),
        source={"delimiter": ";"},
        cells={"zins": {1: 5.0, 2: 6.01}},
    ),
    _same("sep_line", "sep=;\n" + text_of(loans(), delimiter=";"), source={"delimiter": ";", "header": 2}),
    _same("single_quotes", text_of(loans(), quote="'", quote_all=True), source={"quote": "'"}),
    _same("comment_head", "# exported 2018-12-31\n# by core\n" + _PLAIN, source={"comment": "#"}),
    _same("blank_comma_rows", _PLAIN + ",,,,\n,,,,\n"),
    _same(
        "total_row", _PLAIN + "Total,,300000,,9\n", source={"skip_footer": 1}, said=["last line is no loan"]
    ),
    _same(
        "lc_prose",
        "Notes offered by prospectus\n" + _PLAIN + "\nTotal amount funded: 300000\nTotal amount: 0\n",
        source={"header": 2, "skip_footer": 2},
        said=["The header is line 2"],
    ),
    _same(
        "units_with_codes",
        _PLAIN.replace("\n", "\n-,yyyy-mm-dd,EUR,-,0/1\n", 1),
        source={"header": 2},
        said=["second header row (units or remarks)"],
    ),
    _same(
        "three_headers",
        _PLAIN.replace("\n", "\nVARCHAR,DATE,DECIMAL,VARCHAR,INT\n,,EUR,,flag\n", 1),
        source={"header": 3},
        said=["Header rows after the second: 1, omitted"],
    ),
    _same("two_headers", "X1,X2,X3,X4,Y\n" + _PLAIN, source={"header": 2}, said=["two header rows"]),
    Case(
        "ws_aligned",
        file(
            "".join(
                f"{a:>9} {b:>6} {c:>7} {d:>4}\n"
                for a, b, c, d in [
                    ["konto", "hoehe", "laufzeit", "bad"],
                    *[[r[0], r[2], "36" if n % 3 else "60", r[4]] for n, r in enumerate(_ROWS)],
                ]
            ),
            "aligned.asc",
        ),
        replace(UNDATED, key="konto"),
        source={"delimiter": " "},
        cells={"hoehe": {1: 1000.0, 2: 1137.0}},
    ),
    Case(
        "pipe_headerless",
        file("".join("|".join(["R", *row]) + "\n" for row in _ROWS), "2018Q1.txt"),
        replace(UNDATED, label="x6", positive=("1",)),
        source={"delimiter": "|", "header": 0},
        cells={"x4": {1: 1000.0}},
        said=["no header line"],
    ),
    *(_same(f"lines_{name}", _PLAIN.replace("\n", end)) for name, end in (("cr", "\r"), ("crlf", "\r\n"))),
    Case(
        "lines_in_cells",
        file(text_of(loans(note=["first\nsecond", "one, two", 'a "quoted" word']))),
        cells={"note": {1: "first\nsecond", 2: "one, two", 3: 'a "quoted" word'}},
    ),
    _same("zip_file", zipped({"loans.csv": _PLAIN.encode()}), "loans.zip"),
    _same("packed_gzip", gzip.compress(_PLAIN.encode()), "loans.csv.gz"),
    _same("packed_bz2", bz2.compress(_PLAIN.encode()), "loans.csv.bz2"),
    _same("packed_xz", lzma.compress(_PLAIN.encode()), "loans.csv.xz"),
    _same("packed_zstd", zstd(_PLAIN.encode()), "loans.csv.zst"),
    _same(
        "packed_two",
        zipped({"a.csv": b"x", "b.csv": b"y"}),
        "loans.zip",
        refused=["'a.csv', 'b.csv'", "Unzip it"],
    ),
    _same(
        "packed_twice",
        gzip.compress(gzip.compress(_PLAIN.encode())),
        "loans.csv.gz",
        refused=["compressed twice"],
    ),
    _same(
        "html_xls",
        "<html><body><table><tr><td>1</td></tr></table></body></html>",
        "loans.xls",
        refused=["is an HTML page"],
    ),
    _same("picture", b"\x89PNG\r\n\x1a\n" + bytes(100), "loans.png", refused=["a picture (PNG)"]),
    _same("pdf", b"%PDF-1.4\n", "loans.pdf", refused=["a PDF document"]),
    _same("short_rows", _SHORT, refused=["(row 9), line 10", "fill_short_rows: true"]),
    Case(
        "short_rows_filled",
        file(_SHORT),
        replace(DATED, fill_short_rows=True),
        cells={"label": {9: None, 8: 1.0}},
    ),
    Case(
        "amount_split_at_its_comma",
        file(_SPLIT),
        refused=["cells 3 and 4 are one number that holds the separator"],
    ),
    _same(
        "nul_cells",
        text_of(loans(note=["a", "b", "c"])).replace("c,0", "c\0,0", 1),
        refused=["column note: zero bytes in 1 cell (row 3), line 4"],
    ),
    _same(
        "nul_tail",
        _PLAIN.encode() + bytes(500),
        refused=["ends in zero bytes from line 62 on: it is damaged"],
    ),
    _same(
        "cut_gzip", gzip.compress(_PLAIN.encode())[:-30], "loans.csv.gz", refused=["truncated; copy it again"]
    ),
    _same("empty", "", refused=["the file is empty"]),
    _same("no_rows", csv_text([], list(loans())), refused=["no rows"]),
]
