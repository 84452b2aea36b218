"""The types that a portfolio's own columns have in PostgreSQL."""

from loan_default_assets.portfolio.spec import Portfolio


def postgres_columns(p: Portfolio) -> dict[str, str]:
    """PostgreSQL types of the portfolio's own columns in `raw_data`, in the portfolio's order."""
    types = {"number": "double precision", "category": "text", "text": "text", "date": "date"}
    return {name: "bigint" if c.integer else types[c.kind] for name, c in p.columns.items()}
