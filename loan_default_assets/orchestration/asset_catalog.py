"""What Dagster's catalog shows of the assets without a run: owners, tables, columns, and where the code is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from loan_default_assets.orchestration.table_columns import feature_columns, raw_columns, score_columns
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.portfolio.yaml_loader import portfolio_path

_PACKAGE = Path(__file__).resolve().parents[1]
# The step of the chain, or the module of another package, that an asset is a thin definition around.
_STEPS = {
    "raw_loans": "loan_default_assets/pipeline/load_loans.py",
    "processed_features": "loan_default_assets/pipeline/make_features.py",
    "pretrained_encoder": "loan_default_assets/pipeline/pretrain_encoder.py",
    "classifier": "loan_default_assets/pipeline/train_classifier.py",
    "evaluation": "loan_default_assets/pipeline/evaluate_models.py",
    "champion": "loan_default_assets/pipeline/decide_champion.py",
    "scored_loans": "loan_default_assets/pipeline/batch_scoring.py",
    "classifier_bento": "bento/packaging.py",
}


def with_catalog(
    portfolio: Portfolio, portfolio_name: str, assets: Sequence[dg.AssetsDefinition]
) -> list[dg.AssetsDefinition]:
    """The assets with the entries of Dagster's catalog.

    Args:
        portfolio: The portfolio of the assets.
        portfolio_name: Its name in the library, or its file.
        assets: The assets, named as their modules.
    """
    tables = _tables(portfolio)

    def describe(spec: dg.AssetSpec) -> dg.AssetSpec:
        name = spec.key.path[-1]
        metadata = {"dagster/code_references": _code_references(name, portfolio_name)}
        return spec.merge_attributes(metadata=metadata | tables.get(name, {}), owners=portfolio.owners)

    return [asset.map_asset_specs(describe) for asset in assets]


def _tables(portfolio: Portfolio) -> Mapping[str, dict[str, Any]]:
    """Table and columns of each asset that is one in PostgreSQL."""
    columns = {
        "raw_loans": ("raw_data", raw_columns(portfolio)),
        "processed_features": ("processed_data", feature_columns(portfolio)),
        "scored_loans": ("scored_loans", score_columns()),
    }
    tables: dict[str, dict[str, Any]] = {
        asset: {"dagster/table_name": f"{portfolio.name}.{table}", "dagster/column_schema": schema}
        for asset, (table, schema) in columns.items()
    }
    for asset, table in (("evaluation", "model_performance"), ("champion", "model_metadata")):
        tables[asset] = {"dagster/table_name": f"{portfolio.name}.{table}"}
    return tables


def _code_references(name: str, portfolio_name: str) -> dg.CodeReferencesMetadataValue:
    files = {
        "asset": _PACKAGE / "assets" / f"{name}.py",
        "step": _PACKAGE.parent / _STEPS[name],
        "portfolio": portfolio_path(portfolio_name).resolve(),
    }
    return dg.CodeReferencesMetadataValue(
        code_references=[
            dg.LocalFileCodeReference(file_path=str(path), line_number=1, label=f"{label}: {path.name}")
            for label, path in files.items()
            if path.exists()
        ]
    )
