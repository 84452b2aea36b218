"""Where the rows of a portfolio are, and how the file that holds them is laid out."""

import codecs
from datetime import date
from pathlib import PurePath
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# Keys that describe one layout of a file, and so do not apply to a file of another kind.
LAYOUT_KEYS = (
    "encoding",
    "delimiter",
    "quote",
    "comment",
    "header",
    "names",
    "skip_footer",
    "sheet",
    "fill_short_rows",
)


class Source(BaseModel):
    """Where the rows are.

    For text files (kind csv): `delimiter` is the separator, a blank for runs of blanks; `encoding` is needed where it
    is not Unicode or cp949; `quote` encloses cells; lines that start with `comment` are omitted; short rows are
    refused unless `fill_short_rows` reads the cells that they lack as missing. For text files and workbooks (kind
    excel): `header` is the number of the header line, comment lines not counted, 0 for none; `names` are the names of
    the columns, instead of the header's; `skip_footer` lines after the table are omitted. `sheet` is the sheet of a
    workbook, the first one that holds cells when omitted.

    A `query` may use the bind parameters :start and :end (first day, day after the last). With a `watermark`, a column
    of the query that grows whenever a row is added or changed, new rows are looked for and loaded.

    The name of the file in `path` may hold `*`: the rows are those of all files that match, and new files are looked
    for. A file is complete when it has not changed for `settle_seconds`. `removed_files`: a file that is gone, and of
    which rows are loaded, is refused, or its rows are deleted.

    The options from `signal` on are those of the generator.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["csv", "excel", "parquet", "jsonl", "sql", "synthetic"]
    path: str | None = None
    delimiter: str = Field(",", min_length=1, max_length=1)
    encoding: str | None = None
    quote: str = Field('"', min_length=1, max_length=1)
    comment: str | None = Field(None, min_length=1)
    header: int = Field(1, ge=0)
    names: tuple[str, ...] | None = None
    skip_footer: int = Field(0, ge=0, le=1000)
    sheet: str | None = None
    fill_short_rows: bool = False
    url: str | None = None
    query: str | None = None
    watermark: str | None = Field(None, min_length=1)
    settle_seconds: float = Field(5, ge=0, le=3600)
    removed_files: Literal["refuse", "follow"] = "refuse"
    signal: Literal["strong", "weak"] = "strong"
    rows_per_day: int = Field(80, ge=1)
    seed: int = Field(0, ge=0)
    drift_from: date | None = None
    history_days: int = Field(240, ge=1)

    @field_validator("encoding")
    @classmethod
    def _is_encoding(cls, encoding: str | None) -> str | None:
        if encoding is None:
            return None
        try:
            found = codecs.lookup(encoding)
            "a".encode(encoding)
        except (LookupError, TypeError) as error:
            raise ValueError(f"{encoding!r} is not a text encoding that Python knows") from error
        return found.name

    @field_validator("names", mode="before")
    @classmethod
    def _are_texts(cls, names: Any) -> Any:
        return tuple(map(str, names)) if isinstance(names, list | tuple) else names

    @model_validator(mode="after")
    def _complete(self) -> Self:
        file = ("path",)
        needed: tuple[str, ...] = {"sql": ("url", "query"), "synthetic": ()}.get(self.kind, file)
        if missing := [name for name in needed if not getattr(self, name)]:
            raise ValueError(f"kind {self.kind} needs {' and '.join(missing)}")
        if self.header == 0 and not self.names:
            raise ValueError(
                "header is 0 (no header line), so the columns need names: write them under names"
            )
        if self.names and (len(set(self.names)) < len(self.names) or not all(map(str.strip, self.names))):
            raise ValueError("names must be distinct and not blank")
        if self.delimiter == self.quote:
            raise ValueError("delimiter and quote are the same character")
        self._check_watched()
        return self

    @property
    def is_pattern(self) -> bool:
        """Whether `path` stands for all files that match it."""
        return self.kind not in ("sql", "synthetic") and "*" in (self.path or "")

    @property
    def watched(self) -> bool:
        """Whether new rows of the source are looked for."""
        return self.watermark is not None or self.is_pattern

    def _check_watched(self) -> None:
        if self.watermark is not None and self.kind != "sql":
            raise ValueError(
                "watermark: only for kind sql; new files are found by a path such as loans/*.csv"
            )
        if self.is_pattern and "*" in str(PurePath(self.path or "").parent):
            raise ValueError("path: only the name of the file may hold *, not its folder")
        given = self.model_dump(include={"settle_seconds", "removed_files"}, exclude_defaults=True)
        if given and not self.is_pattern:
            raise ValueError(f"{', '.join(sorted(given))}: only where the name of the file in path holds *")
