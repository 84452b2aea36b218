"""The words that the glossary replaces do not come back; what may still hold them is listed here, with the reason."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Replaced word or phrase, and what is written instead.
REPLACED = {
    r"not so:": "fails on ...",
    r"however:": "got ...",
    r"rows a (table|second|step|partition|piece)": "rows per ...",
    r"\ba (row|line|file|partition|epoch|worker|client|request) (a|an|each) \w+": "per",
    r"\bone row a\b": "one row per",
    r"weightiest": "contributed most",
    r"\blaggards?\b": "outdated worker",
    r"\broster\b": "worker registry",
    r"\bjournal(s|ed)?\b": "prediction log",
    r"\bmade again\b": "rematerialized",
    r"\banew\b": "from scratch",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\ba person\b": "the user, the operator, the applicant",
    r"\bsomebody\b|\bnobody knows\b|\banybody\b": "the user, the operator",
    r"\bleft out\b": "omitted",
    r"\bjudg(e|es|ed|ing|ement)\b": "evaluate, compare",
    r"\brival\b": "challenger",
    r"\bcaught\b|\bflagged\b": "true positives, predicted positives",
    r"\bunseen\b": "unknown category",
    r"\bartefacts?\b": "artifact",
    r"tells? defaults apart": "discriminates",
    r"\bsuspects?\b": "leakage candidate",
    r"\bknown_by\b": "cutoff",
    r"\bdut(y|ies)\b": "role",
    r"\bthe gate\b": "middleware, interceptor",
    r"\b(this|the|one) room\b|\brooms\b": "package",
}

# Where a replaced word has to stay, by path: data formats, released migrations, and names of other projects.
EXCEPTIONS: dict[str, set[str]] = {
    # Released migrations are recorded at users' databases with their SHA-256.
    "sql/001_tables.sql": set(REPLACED),
    "sql/002_views.sql": set(REPLACED),
    "sql/003_ranking.sql": set(REPLACED),
    # The change log names what was renamed.
    "CHANGELOG.md": set(REPLACED),
    # Former names that state or files of an earlier release still carry.
    "bento/operations/worker.py": {r"\bjournal(s|ed)?\b"},
    "bento/prediction_log/spool_erasure.py": {r"\bjournal(s|ed)?\b"},
    "loan_default_assets/orchestration/former_names.py": {r"\bjudg(e|es|ed|ing|ement)\b"},
    "loan_default_assets/portfolio/description.py": {r"\bunseen\b"},
    "loan_default_assets/portfolio/spec.py": {r"\bunseen\b"},
    "loan_default_assets_tests/bento/prediction_log/test_prediction_log.py": {r"\bjournal(s|ed)?\b"},
    "loan_default_assets_tests/bento/prediction_log/test_spool.py": {r"\bjournal(s|ed)?\b"},
    "loan_default_assets_tests/portfolio/test_portfolio_hash.py": {r"\bunseen\b"},
    "loan_default_assets_tests/portfolio/test_spec.py": {r"\bunseen\b"},
    "loan_default_assets_tests/warehouse/test_migrations.py": {r"\bjudg(e|es|ed|ing|ement)\b", r"\bunseen\b"},
    # This list itself.
    "loan_default_assets_tests/structure/test_words.py": set(REPLACED),
}
TEXT = {".py", ".md", ".sql", ".yaml", ".yml", ".toml", ".proto", ".sh", ""}


def texts() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if (
            path.suffix in TEXT
            and path.is_file()
            and "generated" not in path.parts
            and "releases" not in path.parts
        ):
            yield name, path.read_text("utf-8")


def replaced_words(name: str, text: str) -> list[str]:
    """`path:line: word` of every replaced word that the path may not hold."""
    allowed, lower = EXCEPTIONS.get(name, set()), text.lower()
    return [
        f"{name}:{1 + text.count(chr(10), 0, match.start())}: {match[0]!r}, write {instead!r}"
        for pattern, instead in REPLACED.items()
        if pattern not in allowed
        for match in re.finditer(pattern, lower)
    ]


def test_no_replaced_word_is_used() -> None:
    found = [line for name, text in texts() for line in replaced_words(name, text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("line", ["not so: 3, rows 1", "the journal", "one row a table", "Nobody mends it"])
def test_a_replaced_word_is_found(line: str) -> None:
    assert replaced_words("docs/example.md", line)


@pytest.mark.parametrize("line", ["the prediction log", "must be at least 0; fails on 3 rows"])
def test_other_words_are_not(line: str) -> None:
    assert not replaced_words("docs/example.md", line)


def test_every_exception_is_needed() -> None:
    for name, allowed in EXCEPTIONS.items():
        text = (ROOT / name).read_text("utf-8").lower()
        held = {pattern for pattern in REPLACED if re.search(pattern, text)}
        assert held & allowed, f"{name} holds no replaced word any more"
        assert allowed == set(REPLACED) or allowed <= held, f"{name}: {allowed - held}"
