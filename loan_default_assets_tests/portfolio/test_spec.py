from datetime import date
from pathlib import Path

import pytest

from loan_default_assets.portfolio.spec import Portfolio, PortfolioError, library_names, load
from loan_default_assets_tests.portfolio.five_columns import portfolio

NUMBER = "income: {kind: number, min: 0, max: 1000000}"
GRADE = "grade: {kind: category, values: [A, B, 가]}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("key: id", "kye: id", "kye: not a key of a portfolio; did you mean 'key'?"),
        (
            NUMBER,
            "income: {kind: number, mni: 0}",
            "columns.income.mni: not a key of a portfolio; did you mean 'min'?",
        ),
        ("kind: csv", "knid: csv", "source.knid: not a key of a portfolio; did you mean 'kind'?"),
        (
            "horizon_days: 30",
            "horizon: 30",
            "label.horizon: not a key of a portfolio; did you mean 'horizon_days'?",
        ),
        (NUMBER, "income: {kind: numbr}", "columns.income.kind: Input should be 'number', 'category'"),
        (NUMBER, "income: {kind: number, min: 5, max: 1}", "columns.income: min is greater than max"),
        (NUMBER, "income: {kind: number, values: [1]}", "columns.income: values: only for kind category"),
        (GRADE, "grade: {kind: category}", "columns.grade: kind category needs values"),
        (GRADE, "grade: {kind: category, values: [A, A]}", "columns.grade: values must be distinct"),
        (
            "derive:",
            "known_after_outcome: [incom]\nderive:",
            "known_after_outcome: 'incom' is not a column; did you mean 'income'?",
        ),
        ("derive:", "protected: [sex]\nderive:", "protected: 'sex' is not a column; allowed: income, grade"),
        (
            "derive:",
            "known_at_application: [incom]\nderive:",
            "known_at_application: 'incom' is not a column; did you mean 'income'?",
        ),
        (
            "derive:",
            "known_at_application: [note]\nknown_after_outcome: [note]\nderive:",
            "known_at_application: 'note' is in known_after_outcome too; list it under one of the two",
        ),
        (
            "derive:",
            "never: [note]\nknown_after_outcome: [note]\nderive:",
            "never: the former name of known_after_outcome; give the key once, as known_after_outcome",
        ),
        (
            GRADE,
            "grade: {kind: category, values: [A], unseen: allow, unknown: allow}",
            "columns.grade: unseen: the former name of unknown; give the key once, as unknown",
        ),
        (
            "derive:",
            "known_after_outcome: [children]\nderive:",
            "derive.income_per_child: 'children' is in known_after_outcome",
        ),
        ("derive:", "protected: [children]\nderive:", "derive.income_per_child: 'children' is protected"),
        (
            "/ (children",
            "/ (chidren",
            "derive.income_per_child: 'chidren' is not a column; did you mean 'children'?",
        ),
        ("income / (children + 1)", "income / bad", "derive.income_per_child: 'bad' is the label"),
        ("income / (children + 1)", "income * grade", "'grade' is kind category, not number or date"),
        ("income / (children + 1)", "income ** 2", "'income ** 2' is not allowed"),
        ("{income_per_child:", "{income:", "derive.income: the name is already used"),
        ("  note:", "  label:", "columns.label: the name is reserved for the tables"),
        ("  note:", "  bad:", "columns.bad: it is the portfolio's label.column"),
        ("key: id", "key: bad", "key, label.column: all name 'bad'"),
        ("key: id", "key: id\nignore: [note]", "ignore: 'note' is in columns too"),
        ("name: bank", "name: Bank", "name: must be at most 50 lower-case letters"),
        ("name: bank", "name: pg_bank", "name: must be at most 50 lower-case letters"),
        ("name: bank", "name: bank\nname: bank", "'name' is given twice"),
        ("start: 2024-01-01", "end: 2024-01-01", "start: the first date of the history is needed"),
        ("start: 2024-01-01", "start: 2024-01-01\nend: 2024-01-01", "end: must be after start"),
        ("as_of: issued\n", "", "label.horizon_days: only with as_of"),
        (
            "cadence: daily",
            "cadence: hourly",
            "cadence: Input should be 'daily', 'weekly', 'monthly', 'quarterly' or",
        ),
        ("cadence: daily", "owners: [Kim]", "owners: 'Kim' is neither an e-mail address nor a team"),
        ("cadence: daily", "owners: ['team:']", "owners: 'team:' is neither an e-mail address nor a team"),
        ("cadence: daily", "refresh: daily", "refresh: 'daily' is not a cron expression"),
        ("negative: 0", "negative: 1", "label: positive and negative are the same"),
        ("kind: csv, path: loans.csv", "kind: csv", "source: kind csv needs path"),
        ("kind: csv, path: loans.csv", 'kind: sql, url: "x://"', "source: kind sql needs query"),
        (
            "derive:",
            "reasons: {incme: {en: x}}\nderive:",
            "reasons.incme: not a feature; did you mean 'income'?",
        ),
        ("derive:", "reasons: {income: {de: x}}\nderive:", "reasons.income.de"),
        ("kind: date,", "kind: date, actionable: true,", "actionable: only for kind number or category"),
        (
            "{kind: text, nullable: true}\n",
            "{kind: text, nullable: true}\n  size: {kind: number, actionable: true}\nprotected: [size]\n",
            "columns.size: actionable, but no feature",
        ),
        (
            "derive:",
            "categories: {wealth: {en: x}}\nderive:",
            "categories.wealth: no column has this category",
        ),
        ("derive:", "documentation: {ownr: x}\nderive:", "documentation.ownr"),
        (
            "derive:",
            "documentation: {owner: ' '}\nderive:",
            "documentation.owner: String should have at least 1",
        ),
        (
            "derive:",
            "documentation: {owner: [x]}\nderive:",
            "documentation.owner: Input should be a valid string",
        ),
        ("columns:", "columns: {}\nother:", "columns: Dictionary should have at least 1 item"),
        ("name: bank", "name: [", "not readable as YAML"),
    ],
)
def test_a_wrong_portfolio_is_refused_with_its_key_path(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(PortfolioError) as error:
        portfolio(tmp_path, (old, new))
    assert message in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "bank.yaml"))


def test_a_derived_feature_has_the_categories_of_its_operands(tmp_path: Path) -> None:
    marked = ("income: {", "income: {category: money, "), ("children: {", "children: {category: family, ")
    p = portfolio(tmp_path, *marked, ("derive:", "categories: {money: {en: Money}}\nderive:"))
    assert p.categories_of("income_per_child") == ("money", "family")
    assert (p.categories_of("income"), p.categories_of("grade")) == (("money",), (None,))
    assert (p.category_texts("money"), p.category_texts("family")) == (
        ("Money", "Money"),
        ("family", "family"),
    )


def test_a_yaml_tag_runs_no_code(tmp_path: Path) -> None:
    made = tmp_path / "made"
    with pytest.raises(PortfolioError, match="not readable as YAML"):
        portfolio(tmp_path, ("name: bank", f"name: !!python/object/apply:os.mkdir [{made}]"))
    assert not made.exists()


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(PortfolioError) as error:
        portfolio(tmp_path, ("derive:", "known_after_outcome: [incom]\nprotected: [nte]\nderive:"))
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [("dmeo", "did you mean 'demo'?"), ("/no/where.yaml", "neither a file nor in the library")],
)
def test_an_unknown_portfolio_is_named(name: str, message: str) -> None:
    with pytest.raises(PortfolioError, match=message.replace("?", r"\?")):
        load(name)


def test_yaml_keeps_codes_and_names_as_text(tmp_path: Path) -> None:
    values = portfolio(tmp_path, ("[A, B, 가]", "[ON, NO, y, 01, 1, 12:30, true]")).columns["grade"].values
    assert values == ("ON", "NO", "y", "01", "1", "12:30", "true")


def test_features_follow_kinds_then_the_files_order(tmp_path: Path) -> None:
    p = portfolio(tmp_path, ("derive:", "protected: [grade]\nderive:"))
    assert p.features.numerical == ("income", "children", "hired", "income_per_child")
    assert p.features.categorical == ()
    p = portfolio(tmp_path, ("derive:", "known_after_outcome: [hired]\nderive:"))
    assert p.features.numerical == ("income", "children", "income_per_child")
    assert (p.features.categorical, p.features.cardinalities) == (("grade",), (5,))


@pytest.mark.parametrize(
    ("cadence", "day", "key", "after"),
    [
        ("daily", date(2024, 2, 29), "2024-02-29", date(2024, 3, 1)),
        ("weekly", date(2024, 3, 3), "2024-02-26", date(2024, 3, 4)),
        ("weekly", date(2024, 3, 4), "2024-03-04", date(2024, 3, 11)),
        ("monthly", date(2023, 12, 31), "2023-12-01", date(2024, 1, 1)),
        ("monthly", date(2024, 2, 1), "2024-02-01", date(2024, 3, 1)),
        ("quarterly", date(2023, 12, 31), "2023-10-01", date(2024, 1, 1)),
        ("quarterly", date(2024, 4, 1), "2024-04-01", date(2024, 7, 1)),
        ("yearly", date(2024, 2, 29), "2024-01-01", date(2025, 1, 1)),
    ],
)
def test_partitions_of_time(tmp_path: Path, cadence: str, day: date, key: str, after: date) -> None:
    p = portfolio(tmp_path, ("cadence: daily", f"cadence: {cadence}"))
    assert p.partition_of(day) == key
    assert p.partition_bounds(key) == (date.fromisoformat(key), after)
    assert p.partition_keys(day, after) == [key, after.isoformat()]


@pytest.mark.parametrize("key", ["2024-03-05", "snapshot", "x"])
def test_a_key_that_names_no_partition_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(PortfolioError, match="not the first day of a weekly partition"):
        portfolio(tmp_path, ("cadence: daily", "cadence: weekly")).partition_bounds(key)


def test_a_portfolio_without_dates_has_one_partition(tmp_path: Path) -> None:
    p = portfolio(
        tmp_path, ("as_of: issued\n", "ignore: [issued]\n"), (", horizon_days: 30", ""), ("date,", "text,")
    )
    assert p.partition_of(date(2024, 1, 1)) == "snapshot"
    assert p.partition_keys(date(2024, 1, 1), date(2024, 1, 9)) == ["snapshot"]


@pytest.mark.parametrize(
    ("portfolio_source", "given", "kind", "location"),
    [
        ("{kind: csv, path: '${LOAN_SOURCE}'}", "/data/x.csv.gz", "csv", "/data/x.csv.gz"),
        ("{kind: csv, path: '${LOAN_SOURCE}'}", "/data/x.parquet", "parquet", "/data/x.parquet"),
        ("{kind: synthetic}", "/data/x.csv", "csv", "/data/x.csv"),
        ("{kind: sql, url: '${DB}', query: select 1}", "sqlite:///x.db", "sql", "sqlite:///x.db"),
        ("{kind: sql, url: 'sqlite://', query: select 1}", "sqlite:///x.db", "sql", "sqlite:///x.db"),
    ],
)
def test_a_source_can_be_given(
    tmp_path: Path, portfolio_source: str, given: str, kind: str, location: str
) -> None:
    portfolio(tmp_path, ("{kind: csv, path: loans.csv}", portfolio_source))
    source = load(str(tmp_path / "bank.yaml"), source=given).source
    assert (source.kind, source.url if kind == "sql" else source.path) == (kind, location)


def test_a_url_without_a_query_is_refused(tmp_path: Path) -> None:
    portfolio(tmp_path)
    with pytest.raises(PortfolioError, match=r"source\.query: needed"):
        load(str(tmp_path / "bank.yaml"), source="sqlite:///x.db")


def test_a_relative_path_starts_at_the_portfolio_file(tmp_path: Path) -> None:
    assert portfolio(tmp_path).source.path == str(tmp_path / "loans.csv")


@pytest.mark.parametrize("name", library_names())
def test_every_portfolio_of_the_library_is_sound(name: str) -> None:
    p = load(name)
    assert p.name == name
    again = Portfolio.model_validate_json(p.model_dump_json())
    assert (again, again.hash, again.features) == (p, p.hash, p.features)
    described = [*p.reasons, *(column for column, c in p.columns.items() if c.describe)]
    assert set(p.features.numerical + p.features.categorical) <= set(described)
    for language in ("en", "ko"):
        missing = [
            f for f in p.features.numerical if p.reason(f, language) == f and not p.columns[f].describe
        ]
        assert not missing


def test_no_library_portfolio_uses_outcomes_or_protected_attributes() -> None:
    used = {
        name: {*load(name).features.numerical, *load(name).features.categorical} for name in library_names()
    }
    assert not used["sba_loans"] & {
        "term",
        "chg_off_date",
        "chg_off_prin_gr",
        "mis_status",
        "disbursement_gross",
    }
    assert not used["taiwan_credit"] & {"SEX", "MARRIAGE"}
    assert not used["south_german_credit"] & {"personal_status_sex", "foreign_worker"}
    assert "marital_status" not in used["realistic"]
    assert len(used["demo"]) == 25
