"""`init`: a first portfolio for a file of loans."""

import re
from pathlib import Path

from loan_default_assets.commands.session import CommandError
from loan_default_assets.portfolio.profiling.portfolio_draft import draft_portfolio


def write(
    file: str, *, label: str, as_of: str | None, key: str | None, name: str | None, output: str | None
) -> Path:
    """Writes the portfolio and returns its path. Raises: CommandError where that file exists, PortfolioError."""
    stem = re.sub(r"[^a-z0-9_]+", "_", Path(file).name.split(".")[0].lower()).strip("_") or "loans"
    name = name or (stem if stem[0].isalpha() else f"loans_{stem}")
    path = Path(output or f"{name}.yaml")
    if path.exists():
        raise CommandError(f"{path} exists already and was not changed\nNext: give another --output")
    path.write_text(draft_portfolio(file, name=name, label=label, date=as_of, key=key), encoding="utf-8")
    return path
