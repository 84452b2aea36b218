"""HTML pages from templates: everything is escaped, and the browser is told to load and run nothing else."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bento.access.api_keys import Role
from bento.console.page_texts import Language, Texts

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent
# No script and no style within the page, nothing from elsewhere; forms go to this service alone. The referrer stays
# with this site: with `no-referrer`, browsers would send the forms of this site with the origin `null`.
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Visitor:
    """Who looks at a page, and what the role allows.

    Attributes:
        role: Name of the role; empty where the service has no keys, and everything is allowed.
        signed_in: Whether a session stands for the key, which the visitor can end.
    """

    role: str
    signed_in: bool = False

    @classmethod
    def of(cls, role: Role | None, *, signed_in: bool) -> "Visitor":
        """The visitor with a role."""
        return cls(role.value if role else "", signed_in)

    @property
    def may_score(self) -> bool:
        """Whether the visitor may score applications, and see their scores."""
        return self.role in ("", Role.USER.value)

    @property
    def may_read_reports(self) -> bool:
        """Whether the visitor may read model reports."""
        return self.role in ("", Role.ADMIN.value)


def render(template: str, language: Language, **values: Any) -> bytes:
    """A page.

    Args:
        template: Name of the template without its ending.
        language: Of the page.
        values: What the template names.
    """
    page = _environment().get_template(f"{template}.html.j2")
    return page.render(language=language, text=Texts(language), page=template, **values).encode()


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "three": _three,
        "count": lambda value: f"{value:,}",
        "percent": lambda share: f"{100 * share:.1f} %",
        "minute": minute,
        "milliseconds": _milliseconds,
    }
    environment.filters |= filters
    return environment


def minute(at: datetime) -> str:
    """A time in UTC, to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _three(value: float | None) -> str:
    """Three decimals; a dash for a value that is not defined."""
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def _milliseconds(seconds: float) -> str:
    """A time in milliseconds; empty for one beyond what is measured."""
    return f"{1000 * seconds:,.3g} ms" if math.isfinite(seconds) else ""
