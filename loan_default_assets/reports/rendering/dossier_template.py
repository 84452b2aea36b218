"""What a dossier asks, read from `dossier_template.yaml`: documents, their items, and groups of facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from loan_default_assets.reports.rendering.messages import Message, in_both

TEMPLATE = Path(__file__).with_name("dossier_template.yaml")


@dataclass(frozen=True)
class TemplateItem:
    """One thing that a text asks for.

    Attributes:
        id: Unique among all items.
        point: Number of the point in the text; empty where it was not checked.
        facts: Groups that answer it, or `group.name` for one fact of a group.
    """

    id: str
    point: str
    title: Message
    facts: tuple[str, ...]


@dataclass(frozen=True)
class TemplateDocument:
    """The items of one text.

    Attributes:
        about: Which text it is, and what its numbers are.
    """

    id: str
    title: Message
    about: Message
    items: tuple[TemplateItem, ...]

    @property
    def numbered(self) -> bool:
        """Whether its items have the numbers of points."""
        return any(item.point for item in self.items)


@dataclass(frozen=True)
class DossierTemplate:
    """All documents, and the titles of the groups in the order in which they are printed."""

    documents: tuple[TemplateDocument, ...]
    groups: Mapping[str, Message]


@lru_cache(maxsize=1)
def dossier_template() -> DossierTemplate:
    """The template; KeyError where an entry lacks a language."""
    read = yaml.safe_load(TEMPLATE.read_text("utf-8"))
    documents = tuple(
        TemplateDocument(
            each["id"],
            _text(each["title"]),
            _text(each["about"]),
            tuple(
                TemplateItem(item["id"], item.get("at", ""), _text(item), tuple(item["facts"]))
                for item in each["items"]
            ),
        )
        for each in read["documents"]
    )
    return DossierTemplate(documents, {name: _text(title) for name, title in read["groups"].items()})


def _text(entry: Mapping[str, Any]) -> Message:
    return in_both(str(entry["en"]), str(entry["ko"]))
