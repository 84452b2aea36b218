"""Generated files of loans in many layouts, and the rows that are read from them."""

import io
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pandas as pd
import pyarrow as pa

from loan_default_assets.portfolio.description import Column, Label
from loan_default_assets.portfolio.ingest.file_inspection import FileLayout, inspect_file
from loan_default_assets.portfolio.ingest.file_readers import file_chunks
from loan_default_assets.portfolio.ingest.sources import application_batches
from loan_default_assets.portfolio.source_options import Source
from loan_default_assets.portfolio.spec import Portfolio

HEADER = ["id", "issued", "amount", "rate", "purpose", "y"]
PURPOSES = ("debt consolidation", "car", "home, garden", "medical")


def loan(number: int, **changes: str) -> list[str]:
    """The cells of one generated loan."""
    cells = {
        "id": f"{100000 + number:08d}",
        "issued": f"2018-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
        "amount": str(1000 + 137 * number % 40000),
        "rate": f"{5 + number * 7 % 1500 / 100:.2f}",
        "purpose": PURPOSES[number % 4],
        "y": str(int(number % 7 == 0)),
    }
    return list((cells | changes).values())


LOANS = [loan(number) for number in range(60)]


def csv_text(
    rows: Sequence[Sequence[str]] = LOANS,
    header: Sequence[str] | None = HEADER,
    *,
    delimiter: str = ",",
    quote: str = '"',
    quote_all: bool = False,
    end: str = "\n",
) -> str:
    """Rows as delimited text; cells that hold the separator or a line end are quoted."""

    def cell(text: str) -> str:
        special = quote_all or any(character in text for character in (delimiter, quote, "\n", "\r"))
        return quote + text.replace(quote, quote * 2) + quote if special else text

    lines = [*([header] if header else []), *rows]
    return "".join(delimiter.join(map(cell, line)) + end for line in lines)


def everything(source: Source, columns: Sequence[str], ignore: Sequence[str] = ()) -> Portfolio:
    """A portfolio, not checked, whose columns are all of a file as text; the first one is its label."""
    read = [name for name in columns if name not in ignore]
    return Portfolio.model_construct(
        name="all",
        source=source,
        label=Label(column=read[0]),
        columns={name: Column(kind="text") for name in read[1:]},
        ignore=tuple(ignore),
    )


def rows_of(p: Portfolio) -> list[list[Any]]:
    """All rows of the portfolio's file, with the cells that file_chunks gives."""
    rows: list[list[Any]] = []
    for chunk in file_chunks(p):
        rows += map(list, zip(*(cells.to_pylist() for cells in chunk.values()), strict=True))
    return rows


def read_inspected(path: Path, **keys: Any) -> tuple[FileLayout, list[list[Any]]]:
    """Inspect a file and read it in the layout that was found, with further keys of `source`."""
    layout = inspect_file(path)
    source = Source(path=str(path), **layout.source_keys() | keys)
    ignored = [name for name, _ in layout.not_needed]
    return layout, rows_of(everything(source, layout.columns, ignored))


def zstd(data: bytes) -> bytes:
    """The data, compressed."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def zipped(members: dict[str, bytes]) -> bytes:
    """A ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def workbook(sheets: dict[str, Sequence[Sequence[Any]]], hidden: Sequence[str] = ()) -> bytes:
    """An .xlsx workbook of texts, numbers, booleans and dates; None is an empty cell."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    members = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r" Type="{office}/'
        'officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/>'
        '<xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
    }
    entries, relations = "", ""
    for number, (name, rows) in enumerate(sheets.items(), start=1):
        state = ' state="hidden"' if name in hidden else ""
        entries += f'<sheet name="{escape(name)}" sheetId="{number}" r:id="s{number}"{state}/>'
        relations += (
            f'<Relationship Id="s{number}" Type="{office}/worksheet" Target="worksheets/{number}.xml"/>'
        )
        body = "".join(_xml_row(n, row) for n, row in enumerate(rows, start=1))
        members[f"xl/worksheets/{number}.xml"] = (
            f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'
        )
    members["xl/workbook.xml"] = (
        f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{entries}</sheets></workbook>'
    )
    relations += f'<Relationship Id="styles" Type="{office}/styles" Target="styles.xml"/>'
    members["xl/_rels/workbook.xml.rels"] = (
        f'<Relationships xmlns="{package}/relationships">{relations}</Relationships>'
    )
    return zipped({name: text.encode() for name, text in members.items()})


def _xml_row(number: int, row: Sequence[Any]) -> str:
    cells = "".join(
        _xml_cell(f"{chr(65 + i)}{number}", cell) for i, cell in enumerate(row) if cell is not None
    )
    return f'<row r="{number}">{cells}</row>'


def _xml_cell(place: str, cell: Any) -> str:
    if isinstance(cell, bool):
        return f'<c r="{place}" t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, date):
        return f'<c r="{place}" s="1"><v>{(cell - date(1899, 12, 30)).days}</v></c>'
    if isinstance(cell, int | float):
        return f'<c r="{place}"><v>{cell}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'


def read_applications(p: Portfolio, path: str) -> pd.DataFrame:
    """The applications of a small file, which are one batch."""
    [frame] = application_batches(p, path)
    return frame
