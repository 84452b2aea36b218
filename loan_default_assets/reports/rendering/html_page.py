"""The model report as one HTML page: both languages in it, no request to anywhere, readable without scripts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.rendering.blocks import (
    Cell,
    Figures,
    Headline,
    Number,
    Paragraph,
    Quotation,
    Section,
    Table,
)
from loan_default_assets.reports.rendering.decision_sections import (
    cut_off_section,
    grades_section,
    swap_section,
    threshold_section,
)
from loan_default_assets.reports.rendering.history_sections import history_section, vintages_section
from loan_default_assets.reports.rendering.messages import Message, message
from loan_default_assets.reports.rendering.model_sections import (
    features_section,
    limits_section,
    lineage_section,
    training_section,
)
from loan_default_assets.reports.rendering.monitoring_sections import (
    drift_section,
    groups_section,
)
from loan_default_assets.reports.rendering.number_format import formatted, minute
from loan_default_assets.reports.rendering.oversight_section import oversight_section
from loan_default_assets.reports.rendering.score_sections import calibration_section, discrimination_section
from loan_default_assets.reports.rendering.shadow_section import shadow_section
from loan_default_assets.reports.rendering.svg_canvas import both
from loan_default_assets.reports.rendering.svg_charts import svg
from loan_default_assets.reports.rendering.verdict_sections import (
    data_section,
    headlines,
    metrics_section,
    verdict_message,
    verdict_section,
    verdict_tone,
    verdict_warning,
)

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent
# In the order of the page.
SECTIONS = (
    verdict_section,
    data_section,
    metrics_section,
    discrimination_section,
    calibration_section,
    cut_off_section,
    threshold_section,
    swap_section,
    grades_section,
    training_section,
    features_section,
    drift_section,
    groups_section,
    vintages_section,
    history_section,
    shadow_section,
    oversight_section,
    limits_section,
    lineage_section,
)


def sections(figures: ReportFigures) -> tuple[Section, ...]:
    """All sections, each with figures or with the reason why it has none."""
    return tuple(build(figures) for build in SECTIONS)


def render(figures: ReportFigures) -> str:
    """The page; equal figures give equal bytes."""
    template = page_environment().get_template("report.html.j2")
    return template.render(
        model=figures.model,
        evaluation=figures.evaluation,
        verdict=verdict_message(figures),
        verdict_tone=verdict_tone(figures),
        verdict_warning=verdict_warning(figures),
        headlines=headlines(figures),
        sections=sections(figures),
        style=(FOLDER / "report.css").read_text("utf-8"),
    )


@lru_cache(maxsize=1)
def page_environment() -> Environment:
    """Jinja2 with the filters of the pages; every text is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

    def words(shown: Message) -> Markup:
        # `both` escapes the texts.
        return Markup(both(shown))  # noqa: S704

    def chart(block: Any, label: str) -> Markup:
        return Markup(svg(block, label))  # noqa: S704

    environment.filters |= {"both": words, "chart": chart, "number": _shown, "kind": _kind, "minute": minute}
    environment.globals |= {"message": message, "cell_kind": _cell_kind}
    return environment


def _shown(number: Number) -> str:
    return formatted(number.value, number.kind, number.digits)


_KINDS = {
    Paragraph: "paragraph",
    Quotation: "quotation",
    Table: "table",
    Figures: "figures",
    Headline: "headline",
}


def _kind(block: Any) -> str:
    return _KINDS[type(block)]


def _cell_kind(cell: Cell) -> str:
    return "number" if isinstance(cell, Number) else "words"
