"""A dossier before it is written: which items have recorded facts, which have none, and the facts by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loan_default_assets.reports.figures.dossier_facts import DossierFacts, RecordedFact, Value
from loan_default_assets.reports.rendering.dossier_template import (
    DossierTemplate,
    TemplateDocument,
    TemplateItem,
    dossier_template,
)
from loan_default_assets.reports.rendering.messages import Message, message


@dataclass(frozen=True)
class Reference:
    """What answers an item.

    Attributes:
        group: Group of facts.
        name: The fact, where the item asks for one of the group; empty for the group.
        facts: The recorded facts; none where nothing is recorded.
    """

    group: str
    name: str
    facts: tuple[RecordedFact, ...]

    @property
    def recorded(self) -> bool:
        """Whether there is any."""
        return bool(self.facts)


@dataclass(frozen=True)
class AnsweredItem:
    """An item with what is recorded of it."""

    item: TemplateItem
    references: tuple[Reference, ...]

    @property
    def recorded(self) -> bool:
        """Whether any fact answers it."""
        return any(reference.recorded for reference in self.references)

    @property
    def where(self) -> Message:
        """For an item without facts: where one could be recorded."""
        keys = [f"{each.group}.{each.name}" for each in self.references if each.group == "documentation"]
        if keys:
            return message("dossier.portfolio_key", name=", ".join(keys))
        return message("dossier.no_home" if not self.references else "dossier.by_the_platform")


@dataclass(frozen=True)
class AnsweredDocument:
    """A document with its answered items."""

    template: TemplateDocument
    items: tuple[AnsweredItem, ...]


@dataclass(frozen=True)
class Dossier:
    """A dossier.

    Attributes:
        documents: Every item of every text.
        groups: Title and facts of every group that has facts, in the order of the template.
    """

    facts: DossierFacts
    documents: tuple[AnsweredDocument, ...]
    groups: tuple[tuple[str, Message, tuple[RecordedFact, ...]], ...]

    @property
    def not_recorded(self) -> Sequence[tuple[AnsweredDocument, tuple[AnsweredItem, ...]]]:
        """The items without facts, by document."""
        return [
            (document, tuple(item for item in document.items if not item.recorded))
            for document in self.documents
        ]

    @property
    def counts(self) -> tuple[int, int]:
        """Items without facts, and all items."""
        items = [item for document in self.documents for item in document.items]
        return sum(not item.recorded for item in items), len(items)


def dossier_document(facts: DossierFacts, template: DossierTemplate | None = None) -> Dossier:
    """The dossier of these facts; equal facts give equal dossiers.

    Raises:
        KeyError: The template names a group that the facts do not have.
    """
    asked = template or dossier_template()
    documents = tuple(
        AnsweredDocument(
            document,
            tuple(
                AnsweredItem(item, tuple(_reference(facts, name) for name in item.facts))
                for item in document.items
            ),
        )
        for document in asked.documents
    )
    groups = tuple((name, title, facts.groups[name]) for name, title in asked.groups.items())
    return Dossier(facts, documents, tuple(group for group in groups if group[2]))


def shown(value: Value) -> str:
    """A value as it is recorded; an interval as two numbers.

    Examples:
        >>> shown(0.5512345678), shown((0.5, 0.6)), shown(True), shown(420)
        ('0.5512345678', '0.5 … 0.6', 'true', '420')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return " … ".join(repr(bound) for bound in value)
    return value if isinstance(value, str) else repr(value)


def _reference(facts: DossierFacts, named: str) -> Reference:
    group, _, name = named.partition(".")
    found = facts.groups[group]
    return Reference(group, name, tuple(fact for fact in found if not name or fact.name == name))
