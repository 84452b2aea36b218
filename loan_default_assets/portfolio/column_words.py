"""Names of columns, and texts in cells, as words that patterns are compared with."""

import re


def words_of(text: str) -> str:
    """The words of a value or name in lower case, separated by one blank.

    Examples:
        >>> words_of("openedYear_2")
        'opened year 2'
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", text)
    return " ".join(re.sub(r"[^\w/+%]+|_", " ", spaced).casefold().split())
