"""A document in Korean says what the English one says: the same headings, code, tables and figures, in order."""

import re
from pathlib import Path

import pytest

from loan_default_assets_tests.structure import documents
from loan_default_assets_tests.structure.documents import ROOT

TRANSLATED = sorted(
    path.relative_to(ROOT) for folder in (ROOT, ROOT / "docs") for path in folder.glob("*.ko.md")
)


def test_the_documents_that_people_begin_with_are_translated() -> None:
    assert {str(path) for path in TRANSLATED} >= {
        "README.ko.md",
        "docs/quickstart.ko.md",
        "docs/operators.ko.md",
    }


@pytest.mark.parametrize("korean", TRANSLATED, ids=str)
@pytest.mark.parametrize(
    "part", [documents.headings, documents.code_blocks, documents.tables, documents.figures]
)
def test_both_languages_have_the_same_parts(korean: Path, part: object) -> None:
    texts = [
        (ROOT / path)
        .read_text("utf-8")
        # The language of an explanation is that of the document.
        .replace("--language ko", "--language en")
        for path in (korean, str(korean).replace(".ko.md", ".md"))
    ]
    assert callable(part)
    assert part(texts[0]) == part(texts[1])


@pytest.mark.parametrize("korean", TRANSLATED, ids=str)
def test_each_links_to_the_other(korean: Path) -> None:
    english = str(korean).replace(".ko.md", ".md")
    assert f"[English]({Path(english).name})" in (ROOT / korean).read_text("utf-8")
    assert f"[한국어]({korean.name})" in (ROOT / english).read_text("utf-8")


def test_the_figures_of_the_readme_are_those_of_the_measurement() -> None:
    ranks = (ROOT / "docs" / "quality.md").read_text("utf-8").split("\n## Ranks\n")[1].split("\n## ")[0]
    rows = {line.split(" | ")[0]: line for line in ranks.splitlines() if line.startswith("| `")}
    readme = (ROOT / "README.md").read_text("utf-8").split("\n## Figures")[1].split("\n## ")[0]
    shown = [line for line in readme.splitlines() if line.startswith("| `")]
    assert [line.split(" | ")[0] for line in shown] == [*rows]
    columns = [0, 1, 2, 3, 5, 7]
    for line in shown:
        cells = rows[line.split(" | ")[0]].split(" | ")
        assert line == " | ".join(cells[number] for number in columns)


def test_the_glossary_has_the_korean_words_that_people_read() -> None:
    read = "".join(
        path.read_text("utf-8")
        for path in (
            *(ROOT / "loan_default_assets" / "reports" / "rendering").rglob("*.yaml"),
            ROOT / "bento" / "console" / "texts.yaml",
            *(ROOT / path for path in TRANSLATED),
        )
    )
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \|", documents.section("glossary.md"), re.MULTILINE)
    words = [word for row in rows[1:] for word in re.findall(r"[가-힣][가-힣 ]*", row)]
    assert len(words) > 30
    assert [word for word in words if word.strip() not in read] == []
