"""What Dagster's catalog says of the assets before a run: owners, tables, columns with descriptions, code."""

from pathlib import Path

import dagster as dg
import pytest

from loan_default_assets.definitions import build_definitions
from loan_default_assets.orchestration.table_columns import feature_lineage, score_lineage
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.settings import Settings
from loan_default_assets_tests import small_bank

TABLES = {
    "raw_loans": "demo.raw_data",
    "processed_features": "demo.processed_data",
    "scored_loans": "demo.scored_loans",
    "evaluation": "demo.model_performance",
    "champion": "demo.model_metadata",
}


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dg.AssetSpec]:
    home = tmp_path_factory.mktemp("home")
    graph = build_definitions(settings=Settings(portfolio="demo", loan_default_home=home))
    return {
        spec.key.path[-1]: spec
        for asset in graph.assets or ()
        if isinstance(asset, dg.AssetsDefinition)
        for spec in asset.specs
    }


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load("demo")


def test_every_asset_has_the_portfolios_owners_and_leads_to_its_code(specs: dict[str, dg.AssetSpec]) -> None:
    for name, spec in specs.items():
        assert list(spec.owners) == ["team:credit-risk"]
        references = spec.metadata["dagster/code_references"].code_references
        files = [Path(each.file_path) for each in references]
        assert all(path.is_file() for path in files), name
        assert len(files) == 3, name
        assert files[0].stem == name
        assert files[2].name == "demo.yaml"


def test_tables_are_named_with_their_schema(specs: dict[str, dg.AssetSpec]) -> None:
    named = {name: spec.metadata.get("dagster/table_name") for name, spec in specs.items()}
    assert {name: table for name, table in named.items() if table} == TABLES


@pytest.mark.parametrize("asset", ["raw_loans", "processed_features", "scored_loans"])
def test_every_column_has_a_description(specs: dict[str, dg.AssetSpec], asset: str) -> None:
    columns = specs[asset].metadata["dagster/column_schema"].columns
    assert [column.name for column in columns if not column.description] == []


def test_columns_are_those_of_the_portfolio(specs: dict[str, dg.AssetSpec], portfolio: Portfolio) -> None:
    raw, features = (
        {column.name: column for column in specs[asset].metadata["dagster/column_schema"].columns}
        for asset in ("raw_loans", "processed_features")
    )
    assert list(raw)[4:] == list(portfolio.columns)
    assert raw["annual_income"].description == "Gross income per year (USD)"
    names = portfolio.features
    assert list(features)[4:] == [*names.numerical, *names.categorical]
    assert features[names.categorical[1]].type == "smallint, categories[2]"


def _sources(lineage: dg.TableColumnLineage, column: str) -> set[str]:
    return {"/".join([*each.asset_key.path, each.column_name]) for each in lineage.deps_by_column[column]}


def test_features_come_from_the_raw_columns_that_they_are_computed_from() -> None:
    columns = {**small_bank.DESCRIPTION["columns"], "opened": {"kind": "date"}}  # type: ignore[dict-item]
    bank = Portfolio.model_validate({**small_bank.DESCRIPTION, "columns": columns})
    lineage = feature_lineage(bank)
    assert _sources(lineage, "share") == {"small_bank/raw_loans/amount", "small_bank/raw_loans/income"}
    assert _sources(lineage, "opened") == {"small_bank/raw_loans/opened", "small_bank/raw_loans/as_of"}
    assert _sources(lineage, "purpose") == {"small_bank/raw_loans/purpose"}
    features = {*bank.features.numerical, *bank.features.categorical}
    assert features < set(lineage.deps_by_column)
    assert "collected" not in lineage.deps_by_column


def test_scores_come_from_every_feature(portfolio: Portfolio) -> None:
    lineage = score_lineage(portfolio)
    names = portfolio.features
    features = {f"demo/processed_features/{name}" for name in (*names.numerical, *names.categorical)}
    assert _sources(lineage, "probability") == features
    assert _sources(lineage, "loan_id") == {"demo/processed_features/loan_id"}
