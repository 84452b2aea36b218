"""The columns of the tables of loans as Dagster shows them: types, descriptions, and the columns they are made from."""

from collections.abc import Iterable, Iterator, Mapping

import dagster as dg

from loan_default_assets.portfolio.column_types import postgres_columns
from loan_default_assets.portfolio.spec import Portfolio

# Columns that features and scores take over from the rows they are made from.
_TAKEN_OVER = ("loan_id", "as_of", "label", "label_observed_at")
_KEY = dg.TableColumnConstraints(nullable=False, unique=True)


def raw_columns(portfolio: Portfolio) -> dg.TableSchema:
    """The columns of `raw_data` under the portfolio."""
    return dg.TableSchema(
        [
            *_loan_columns(),
            *(
                dg.TableColumn(
                    name,
                    kind,
                    description=_described(portfolio, name),
                    constraints=dg.TableColumnConstraints(nullable=portfolio.columns[name].nullable),
                )
                for name, kind in postgres_columns(portfolio).items()
            ),
        ]
    )


def feature_columns(portfolio: Portfolio) -> dg.TableSchema:
    """The columns of `processed_data`, with each feature in place of the array that holds it."""
    names = portfolio.features
    return dg.TableSchema(
        [
            *_loan_columns(),
            *(
                dg.TableColumn(name, f"real, numbers[{place}]", description=_feature(portfolio, name))
                for place, name in enumerate(names.numerical, start=1)
            ),
            *(
                dg.TableColumn(name, f"smallint, categories[{place}]", description=_feature(portfolio, name))
                for place, name in enumerate(names.categorical, start=1)
            ),
        ]
    )


def score_columns() -> dg.TableSchema:
    """The columns of `scored_loans`."""
    return dg.TableSchema(
        [
            dg.TableColumn("loan_id", "text", description="Key of the loan at the source", constraints=_KEY),
            dg.TableColumn("model_version", "text", description="The model that scored the loan"),
            dg.TableColumn("probability", "double precision", description="PD, calibrated"),
            dg.TableColumn(
                "decision", "smallint", description="1 = PD at or above the model's threshold, 0 = below"
            ),
        ]
    )


def feature_lineage(portfolio: Portfolio) -> dg.TableColumnLineage:
    """The columns of raw_loans that each column of processed_features is computed from."""
    sources: dict[str, tuple[str, ...]] = {
        name: (name,) for name in (*_TAKEN_OVER, *portfolio.features.categorical)
    }
    sources |= {name: tuple(_numerical_sources(portfolio, name)) for name in portfolio.features.numerical}
    return _lineage(dg.AssetKey([portfolio.name, "raw_loans"]), sources)


def score_lineage(portfolio: Portfolio) -> dg.TableColumnLineage:
    """The columns of processed_features that each column of scored_loans is computed from."""
    features = (*portfolio.features.numerical, *portfolio.features.categorical)
    sources = {"loan_id": ("loan_id",), "probability": features, "decision": features}
    return _lineage(dg.AssetKey([portfolio.name, "processed_features"]), sources)


def _loan_columns() -> Iterator[dg.TableColumn]:
    yield dg.TableColumn("loan_id", "text", description="Key of the loan at the source", constraints=_KEY)
    yield dg.TableColumn("as_of", "date", description="Day on which the application was known")
    yield dg.TableColumn("label", "smallint", description="1 = default, 0 = none, empty = not known yet")
    yield dg.TableColumn("label_observed_at", "date", description="Day from which the outcome counts")


def _described(portfolio: Portfolio, name: str) -> str | None:
    column = portfolio.columns[name]
    if column.unit is None:
        return column.describe
    return f"{column.describe} ({column.unit})" if column.describe else column.unit


def _feature(portfolio: Portfolio, name: str) -> str:
    if name in portfolio.derive:
        return f"= {portfolio.derive[name]}"
    described = _described(portfolio, name) or name
    kind = portfolio.columns[name].kind
    if kind == "date":
        return f"Days before as_of: {described}"
    return f"{described}; 0 = missing, 1 = unknown" if kind == "category" else described


def _numerical_sources(portfolio: Portfolio, name: str) -> Iterator[str]:
    operands = portfolio.derived[name].names if name in portfolio.derived else (name,)
    yield from operands
    if any(portfolio.columns[operand].kind == "date" for operand in operands):
        yield "as_of"


def _lineage(asset: dg.AssetKey, sources: Mapping[str, Iterable[str]]) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=asset, column_name=source) for source in of]
            for column, of in sources.items()
        }
    )
