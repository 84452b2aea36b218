"""SQLAlchemy URLs in messages: without secrets, and refused where a password could be taken for another part."""

import re

from sqlalchemy.engine import URL

ENCODED = "@ as %40, / as %2F, : as %3A, ? as %3F, # as %23, % as %25"
# An option with its value, which holds an @ as it is in names of users and secrets only.
_OPTION = re.compile(r"[^=@]*=[^@]*|[^=@]*(user|pass|pwd|account|mail)[^=@]*=.*", re.IGNORECASE | re.DOTALL)
_SECRET = re.compile(r"pass|pwd|secret|token|credential|odbc_connect", re.IGNORECASE)


def has_ambiguous_parts(text: str, url: URL) -> bool:
    """Whether a password with @ in it was divided: its end would then count as host, database or option.

    Args:
        text: The URL as it was given.
        url: What SQLAlchemy read from it.
    """
    if url.username is None and url.password is None:
        return False
    _, _, options = text.partition("://")[2].partition("@")[2].partition("?")
    divided = [option for option in options.split("&") if option and not _OPTION.fullmatch(option)]
    return "@" in f"{url.host}{url.database}" or bool(divided)


def without_secrets(url: URL) -> str:
    """The URL with its password as ***, and without options that hold one."""
    secret = [name for name in url.query if _SECRET.search(name)]
    return url.difference_update_query(secret).render_as_string(hide_password=True)
