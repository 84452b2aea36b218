"""The century of two-digit years: which hundred years they stand for, decided from a column's own dates."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import islice

from loan_default_assets.portfolio.ingest.date_parsing import date_reader

# Where years after today occur, such as maturities, later deliveries may have some more.
_YEARS_AHEAD = 30
_SAMPLE = 5_000


def with_years(formats: Sequence[str], texts: Mapping[str, int], today: date) -> str:
    """The alternatives as one format, with the years that its two-digit years stand for.

    The dates are taken to lie together: the century begins after the largest gap between the two-digit years, and no
    later than the four-digit years of the same column, or else than today.

    Args:
        formats: Alternative formats of one column.
        texts: The column's distinct texts.
        today: The date of the proposal.
    """
    short = [fmt for fmt in formats if "%y" in fmt or fmt == "quarter"]
    long = [fmt for fmt in formats if fmt not in short]
    if not short:
        return " or ".join(formats)
    if len(texts) > _SAMPLE:
        texts = dict(islice(texts.items(), 0, None, len(texts) // _SAMPLE))
    written_short = [text for text in texts if _day_in(short, text) and not _day_in(long, text)]
    if short == ["quarter"]:
        written_short = [t for t in written_short if sum(c.isdecimal() for c in t) == 3]
        if not written_short:
            return " or ".join(formats)
    years = {day.year % 100 for text in written_short if (day := _day_in(short, text))}
    others = [day.year for text in texts if (day := _day_in(long, text))]
    first, last = _span(years or {today.year % 100}, max(others, default=today.year))
    last = max([last, *others])
    start = today.year - 99
    if last > today.year or first < start:
        start = min(first, last + _YEARS_AHEAD - 99)
    years_text = f" (years {start}-{start + 99})"
    return " or ".join(fmt + years_text if fmt in short else fmt for fmt in formats)


def _day_in(formats: Sequence[str], text: str) -> date | None:
    """The date in a text in one of the formats."""
    return date_reader(" or ".join(formats))(text) if formats else None


def _span(years: set[int], latest_first: int) -> tuple[int, int]:
    """First and last full year of two-digit years, the first being at most `latest_first`."""
    ordered = sorted(years)
    following = [*ordered[1:], ordered[0]]
    gaps = [((after - year) % 100 or 100, after) for year, after in zip(ordered, following, strict=True)]
    start = max(gaps)[1]
    first = latest_first - (latest_first - start) % 100
    return first, first + max((year - start) % 100 for year in years)
