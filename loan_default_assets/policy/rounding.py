"""Figures rounded for sentences."""


def format_distinct(value: float, limit: float) -> tuple[str, str]:
    """Both with three decimals, or with as many as make them differ: 0.79996 is not shown as 0.800."""
    for digits in range(3, 17):
        shown, bound = f"{value:.{digits}f}", f"{limit:.{digits}f}"
        if shown != bound or value == limit:
            return shown, bound
    return repr(value), repr(limit)
