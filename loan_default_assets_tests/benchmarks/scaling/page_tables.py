"""Tables and figures of a Markdown page."""

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text; a sentence where there are no rows."""
    if not rows:
        return "Not measured yet."
    lines = [heads, ["---", *("---:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def count(value: float) -> str:
    """A whole number with separators of thousands; three significant digits where it was computed.

    Examples:
        >>> count(98550), count(1234567.4), count(0.0)
        ('98,550', '1,230,000', '0')
    """
    return f"{value:,}" if isinstance(value, int) else f"{float(f'{value:.3g}'):,.0f}"


def figure(value: float) -> str:
    """Three significant digits, without an exponent.

    Examples:
        >>> figure(0.01234), figure(12.345), figure(123456.0)
        ('0.0123', '12.3', '123,000')
    """
    rounded = float(f"{value:.3g}")
    if abs(rounded) >= 100:
        return f"{rounded:,.0f}"
    return f"{rounded:#.3g}" if abs(rounded) >= 0.001 else f"{rounded:.1g}" if rounded else "0"


def megabytes(value: float) -> str:
    """Bytes as whole megabytes."""
    return f"{value / 1e6:,.0f}"


def share(value: float) -> str:
    """A share in whole percent."""
    return f"{value:.0%}"
