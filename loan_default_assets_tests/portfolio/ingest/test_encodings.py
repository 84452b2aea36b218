"""Encodings of text files: which are read, which the portfolio must name, and which are only guessed in the error."""

from pathlib import Path

import pytest

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.file_inspection import inspect_file
from loan_default_assets.portfolio.source_options import Source
from loan_default_assets_tests.portfolio.ingest.loan_files import (
    HEADER,
    LOANS,
    csv_text,
    everything,
    loan,
    read_inspected,
    rows_of,
)

KOREAN = ("서울 강남", "부산", "대구 신용대출", "인천")
WESTERN = ("München", "São Paulo", "Besançon", "Größe 10 €", "L’été", "ÉVRY", "Ångström")
RUSSIAN = ("Москва", "Казань", "Нижний Новгород", "да")
JAPANESE = ("東京ローン", "おおさか", "カード")
CHINESE = ("上海", "北京", "住房贷款", "逾期")
POLISH = ("Łódź", "Kraków", "Wrocław", "Świętokrzyskie")


def text_of(words: tuple[str, ...], plain: int = 0) -> tuple[str, list[list[str]]]:
    rows = LOANS * (plain // 60) + [loan(n, purpose=words[n % len(words)]) for n in range(40)]
    return csv_text(rows), rows


@pytest.mark.parametrize("plain", [0, 120_000])
@pytest.mark.parametrize(
    ("words", "encoding", "key"),
    [
        (KOREAN, "utf-8", None),
        (KOREAN, "utf-8-sig", None),
        (KOREAN, "utf-16", None),
        (WESTERN, "utf-16-le", None),
        (WESTERN, "utf-32", None),
        (KOREAN, "cp949", None),
        (WESTERN, "cp1252", "cp1252"),
        (RUSSIAN, "cp1251", "cp1251"),
        (JAPANESE, "cp932", "cp932"),
    ],
)
def test_an_encoding_is_found(
    tmp_path: Path, words: tuple[str, ...], encoding: str, key: str | None, plain: int
) -> None:
    text, rows = text_of(words, plain)
    path = tmp_path / "loans.csv"
    path.write_bytes(text.encode(encoding))
    layout, read = read_inspected(path)
    assert layout.encoding == key
    assert read == rows
    assert bool(layout.notes) == (encoding not in ("utf-8", "utf-8-sig"))
    if key:
        source = Source(kind="csv", path=str(path))
        with pytest.raises(SourceError, match=rf"probably {key}: write `encoding: {key}` under `source`"):
            rows_of(everything(source, HEADER))


@pytest.mark.parametrize(
    ("words", "encoding"),
    [(CHINESE, "gb18030"), (RUSSIAN, "koi8-r"), (POLISH, "cp1250"), (("Köln", "Zürich"), "cp850")],
)
def test_an_undecided_encoding_is_refused_with_the_likely_ones(
    tmp_path: Path, words: tuple[str, ...], encoding: str
) -> None:
    text, rows = text_of(words)
    path = tmp_path / "loans.csv"
    path.write_bytes(text.encode(encoding))
    with pytest.raises(SourceError, match="does not decide the encoding; likely: ") as error:
        inspect_file(path)
    assert encoding.replace("-", "_") in str(error.value)
    assert not any(word in str(error.value) for word in words)
    layout = inspect_file(path, encoding=encoding)
    assert layout.source_keys()["encoding"] == encoding
    assert rows_of(everything(layout.source(path), layout.columns)) == rows


def test_damaged_text_is_refused(tmp_path: Path) -> None:
    text, _ = text_of(KOREAN)
    data = bytearray(text.encode())
    del data[data.rindex("서".encode()) + 2]
    path = tmp_path / "loans.csv"
    path.write_bytes(bytes(data))
    with pytest.raises(SourceError, match=r"line 38 is text neither .* most of the file is UTF-8"):
        inspect_file(path)
    with pytest.raises(SourceError, match="line 38 is not text in utf-8"):
        rows_of(everything(Source(kind="csv", path=str(path), encoding="utf-8"), HEADER))


def test_a_mark_is_stronger_than_the_key(tmp_path: Path) -> None:
    text, rows = text_of(WESTERN)
    path = tmp_path / "loans.csv"
    path.write_bytes(text.encode("utf-16"))
    assert rows_of(everything(Source(kind="csv", path=str(path), encoding="cp1252"), HEADER)) == rows


@pytest.mark.parametrize(
    ("encoding", "message"), [("utf-9", "not a text encoding"), ("base64", "not a text encoding")]
)
def test_an_unknown_encoding_is_refused(encoding: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Source(kind="csv", path="x", encoding=encoding)


@pytest.mark.parametrize(
    ("words", "encoding", "likely"),
    [(KOREAN, "cp949", "cp949"), (WESTERN, "cp1252", "cp1252"), (RUSSIAN, "cp1251", "cp1251")],
)
@pytest.mark.parametrize("first", [0, 1])
def test_files_of_two_encodings_put_together_are_refused(
    tmp_path: Path, words: tuple[str, ...], encoding: str, likely: str, first: int
) -> None:
    """One of the two would decode the other's lines to other words, as every byte is a letter in cp1252."""
    text, _ = text_of(words)
    parts = [text.encode("utf-8"), text.partition("\n")[2].encode(encoding)]
    path = tmp_path / "loans.csv"
    path.write_bytes(parts[first] + parts[1 - first])
    with pytest.raises(
        SourceError, match=r"two encodings were put together.*save each of them as UTF-8"
    ) as error:
        inspect_file(path)
    assert f"in another encoding (likely: {likely})" in str(error.value)
