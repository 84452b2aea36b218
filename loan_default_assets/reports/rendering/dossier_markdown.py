"""The dossier as Markdown: headings in English and Korean, statements as recorded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from loan_default_assets.reports.figures.dossier_facts import RecordedFact
from loan_default_assets.reports.rendering.dossier_document import (
    AnsweredDocument,
    AnsweredItem,
    Dossier,
    Reference,
    shown,
)
from loan_default_assets.reports.rendering.dossier_template import dossier_template
from loan_default_assets.reports.rendering.messages import Message, message

# What has a meaning in Markdown or HTML, so that a recorded text is only a text.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#&~!$])")


def markdown(dossier: Dossier) -> str:
    """The document; equal dossiers give equal texts."""
    return "\n".join(_lines(dossier)) + "\n"


def _lines(dossier: Dossier) -> Iterator[str]:
    missing, items = dossier.counts
    yield f"# {_both(message('dossier.title', version=dossier.facts.version))}"
    yield ""
    yield f"{_escaped(dossier.facts.title)}"
    yield ""
    yield from _paragraphs(message("dossier.about"))
    yield f"## {_both(message('dossier.not_recorded_title'))}"
    yield ""
    yield from _paragraphs(message("dossier.not_recorded_count", missing=str(missing), items=str(items)))
    for document, open_items in dossier.not_recorded:
        if open_items:
            yield f"### {_both(document.template.title)}"
            yield ""
            yield from _table(
                (*_point_title(document), "dossier.item", "dossier.where"),
                ((*_point(document, each), _cell(each.item.title), _cell(each.where)) for each in open_items),
            )
    for document in dossier.documents:
        yield f"## {_both(document.template.title)}"
        yield ""
        yield from _paragraphs(document.template.about)
        yield from _table(
            (*_point_title(document), "dossier.item", "dossier.recorded_in"),
            (
                (*_point(document, each), _cell(each.item.title), _recorded_in(each))
                for each in document.items
            ),
        )
    yield f"## {_both(message('dossier.facts'))}"
    yield ""
    yield from _paragraphs(message("dossier.facts_about"))
    for name, title, facts in dossier.groups:
        yield f'<a id="{name}"></a>'
        yield ""
        yield f"### {_both(title)}"
        yield ""
        yield from _table(
            ("dossier.fact", "dossier.value", "dossier.source"), (_statement(fact) for fact in facts)
        )


def _point_title(document: AnsweredDocument) -> tuple[str, ...]:
    return ("dossier.point",) if document.template.numbered else ()


def _point(document: AnsweredDocument, answered: AnsweredItem) -> tuple[str, ...]:
    return (_escaped(answered.item.point),) if document.template.numbered else ()


def _statement(fact: RecordedFact) -> tuple[str, str, str]:
    return _code(fact.name), _escaped(shown(fact.value)), _code(str(fact.source))


def _recorded_in(answered: AnsweredItem) -> str:
    if not answered.recorded:
        return f"**{_cell(message('dossier.not_recorded'))}**"
    return "<br>".join(_reference(each) for each in answered.references)


def _reference(reference: Reference) -> str:
    title = _cell(dossier_template().groups[reference.group])
    named = f" {_code(reference.name)}" if reference.name else ""
    if not reference.recorded:
        return f"{title}{named}: {_cell(message('dossier.not_recorded'))}"
    return f"[{title}](#{reference.group}){named}"


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(_cell(message(column)) for column in columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _paragraphs(text: Message) -> Iterator[str]:
    for language in ("en", "ko"):
        yield _escaped(text.text(language))
        yield ""


def _both(text: Message) -> str:
    english, korean = text.text("en"), text.text("ko")
    return _escaped(english if english == korean else f"{english} · {korean}")


def _cell(text: Message) -> str:
    english, korean = text.text("en"), text.text("ko")
    return _escaped(english) if english == korean else f"{_escaped(english)}<br>{_escaped(korean)}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """A name or a source; a table's border and the marks of code cannot be in it."""
    return f"`{' '.join(text.split()).replace('`', chr(39)).replace('|', '¦')}`"
