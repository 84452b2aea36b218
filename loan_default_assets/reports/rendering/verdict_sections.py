"""The first sections: verdict and why, headline figures, the data, and the metrics beside the references."""

from __future__ import annotations

from loan_default_assets.model.metrics import ECE_BINS
from loan_default_assets.policy.promotion_figures import PromotionLimits
from loan_default_assets.policy.promotion_gates import COUNTED, INTEGRITY, PromotionGate
from loan_default_assets.reports.figures.drift import Light, StabilityIndex
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.figures.validation_tests import ROUNDING
from loan_default_assets.reports.rendering.blocks import (
    Block,
    Cell,
    Headline,
    Number,
    Paragraph,
    Quotation,
    Section,
    Table,
    Tone,
    Words,
)
from loan_default_assets.reports.rendering.messages import Message, message, verbatim
from loan_default_assets.reports.rendering.number_format import Format, distinct_digits, formatted

VERDICT_TONES: dict[str, Tone] = {
    "approved": "good",
    "approved_below_target": "warning",
    "approved_leakage_not_excluded": "bad",
    "provisional": "warning",
    "insufficient_labels": "warning",
    "rejected": "bad",
}
# Reasons why a section has no figures though nothing is missing.
_EXPECTED = ("omitted.no_dates", "omitted.no_groups", "omitted.no_previous_champion")


def omission(why: Omitted) -> Paragraph:
    """The sentence of a section without figures; a warning where something is lost."""
    return Paragraph(
        message(why.reason, detail=why.detail), "plain" if why.reason in _EXPECTED else "warning"
    )


def verdict_message(figures: ReportFigures) -> Message:
    """What was decided, in a sentence."""
    role = figures.evaluation.role
    return message(f"verdict.{role}.{_shown_verdict(figures)}", version=figures.model.version)


def verdict_tone(figures: ReportFigures) -> Tone:
    """The tone of that sentence; that of an approval is a warning where there is one."""
    tone = VERDICT_TONES.get(_shown_verdict(figures), "plain")
    return "warning" if tone == "good" and verdict_warning(figures) is not None else tone


def verdict_warning(figures: ReportFigures) -> Message | None:
    """What a reader of the verdict must know besides; None without a warning, or where the verdict says it."""
    gates = figures.gates
    if isinstance(gates, Omitted) or gates.warning is None:
        return None
    if gates.warning == "leakage_doubt" and gates.doubt is not None:
        return message(
            "warning.leakage_doubt",
            roc_auc=formatted(gates.doubt.roc_auc),
            limit=formatted(gates.doubt.limit),
            features=gates.doubt.telling_text(),
        )
    told = _shown_verdict(figures) == "approved_leakage_not_excluded"
    return None if told else message("warning.leakage_not_excluded")


def _shown_verdict(figures: ReportFigures) -> str:
    """The recorded word; a champion's leakage had none of its own before rules 2 of `PromotionInputs`."""
    recorded, gates = figures.evaluation.verdict, figures.gates
    if recorded != "approved_below_target" or isinstance(gates, Omitted):
        return recorded
    leaks = any(gate.name == "leakage_excluded" and not gate.passed for gate in gates.gates)
    return "approved_leakage_not_excluded" if leaks else recorded


def headlines(figures: ReportFigures) -> tuple[Headline, ...]:
    """The figures that a committee looks at first."""
    metrics = {row.name: row for row in figures.evaluation.metrics}
    best = figures.evaluation.best_reference
    found: list[Headline] = []
    if f1 := metrics.get("f1"):
        target = figures.history.target
        tone: Tone = "plain" if target is None else "good" if f1.interval.value >= target else "bad"
        beside = (
            message("headline.no_target")
            if target is None
            else message("headline.target", target=f"{target:g}")
        )
        found.append(Headline(message("metric.f1"), Number(f1.interval.value), beside, tone))
    if area := metrics.get("roc_auc"):
        beside = (
            message("headline.reference", name=_spaced(best), value=formatted(area.references[best]))
            if best in area.references
            else message("headline.no_reference")
        )
        found.append(Headline(message("metric.roc_auc"), Number(area.interval.value), beside))
    if not isinstance(figures.calibration, Omitted):
        low, high = figures.calibration.observed.low, figures.calibration.observed.high
        mean = figures.calibration.mean_pd
        interval = f"{formatted(low, 'percent')} – {formatted(high, 'percent')}"
        found.append(
            Headline(
                message("headline.mean_pd"),
                Number(mean, "percent"),
                message(
                    "headline.observed",
                    rate=formatted(figures.calibration.observed.value, "percent"),
                    interval=interval,
                ),
                "good" if low <= mean <= high else "warning",
            )
        )
    if not isinstance(figures.cut_offs, Omitted):
        found.append(
            Headline(
                message("headline.approval"),
                Number(figures.cut_offs.approval_rate, "percent"),
                message("headline.bad_rate", rate=formatted(figures.cut_offs.bad_rate, "percent")),
            )
        )
    if not isinstance(figures.drift, Omitted):
        index = figures.drift.window_score
        found.append(
            Headline(
                message("headline.psi"),
                Number(index.value),
                *light(index),
            )
        )
    return tuple(found)


def light(index: StabilityIndex) -> tuple[Message, Tone]:
    """The state of a stability index in words, and its tone."""
    tones: dict[Light, Tone] = {"green": "good", "amber": "warning", "red": "bad"}
    if index.light is None:
        return message("drift.too_few"), "plain"
    return message(f"light.{index.light}"), tones[index.light]


def verdict_section(figures: ReportFigures) -> Section:
    """The verdict, the rules it follows from, and the recorded reason."""
    evaluation, blocks = figures.evaluation, list[Block]()
    if (warning := verdict_warning(figures)) is not None:
        blocks.append(Paragraph(warning, "warning"))
    if evaluation.compared_with:
        blocks.append(Paragraph(message("verdict.compared", champion=evaluation.compared_with)))
        if (evaluation.role, evaluation.verdict) == ("candidate", "rejected"):
            blocks.append(Paragraph(message("verdict.stays", champion=evaluation.compared_with)))
    if (evaluation.role, evaluation.verdict) == ("candidate", "insufficient_labels"):
        blocks.append(Paragraph(message("verdict.not_served")))
    if isinstance(figures.gates, Omitted):
        blocks.append(omission(figures.gates))
    else:
        if not all(gate.passed for gate in figures.gates.gates if gate.name in COUNTED):
            blocks.append(_few_labels(evaluation.rows, evaluation.positives, figures.gates.limits))
        policy = message(f"policy.{figures.gates.limits.policy}")
        blocks.append(Paragraph(message("verdict.policy", policy=policy)))
        columns = ("gate.rule", "gate.measured", "gate.required", "gate.result")
        blocks.append(
            Table(
                message("gate.title"),
                tuple(message(name) for name in columns),
                tuple(_gate_row(gate) for gate in figures.gates.gates),
                figures.gates.source,
            )
        )
    blocks.append(Paragraph(message("verdict.recorded")))
    blocks.append(Quotation(evaluation.reason, evaluation.source))
    return Section("verdict", message("section.verdict"), blocks)


def _few_labels(rows: int, positives: int, limits: PromotionLimits) -> Paragraph:
    return Paragraph(
        message(
            "verdict.few_labels",
            rows=formatted(rows, "count"),
            defaults=formatted(positives, "count"),
            fewest_rows=formatted(limits.sample_threshold, "count"),
            fewest=formatted(limits.positive_threshold, "count"),
        )
    )


def _gate_row(gate: PromotionGate) -> tuple[Cell, ...]:
    failed: Tone = "bad" if gate.decides else "warning"
    met = f"gate.passed_{gate.excused}" if gate.excused else "gate.passed"
    result = Words(
        message(met if gate.passed else "gate.failed" if gate.decides else "gate.warned"),
        "good" if gate.passed else failed,
    )
    name = Words(message(f"gate.{gate.name}"))
    if gate.name in INTEGRITY or gate.limit is None:
        measured = message("word.yes" if gate.value else "word.no")
        return name, Words(measured), Words(message("word.yes")), result
    kind: Format = "count" if gate.name in COUNTED else "number"
    required = Words(verbatim(f"{gate.relation}\u00a0{_limit(gate.limit, kind)}"))
    measured_value = float(gate.value)
    digits = distinct_digits(measured_value, gate.limit)
    return name, Number(measured_value, kind, digits=digits), required, result


def _limit(value: float, kind: Format) -> str:
    """A limit as it is configured, without digits that it does not have."""
    return formatted(value, kind) if kind == "count" else f"{value:g}"


def data_section(figures: ReportFigures) -> Section:
    """What rows were used, and what a default is."""
    data, evaluation, model = figures.data, figures.evaluation, figures.model
    window = (
        message("data.window", first=evaluation.window_from, last=evaluation.window_to)
        if evaluation.window_from
        else message("data.window_undated")
    )
    blocks: list[Block] = [Paragraph(window)]
    if evaluation.window_share < 1:
        share = formatted(evaluation.window_share, "percent")
        blocks.append(Paragraph(message("data.window_sampled", share=share)))
    if isinstance(data, Omitted):
        return Section("data", message("section.data"), [*blocks, omission(data)])
    blocks.append(Paragraph(message("data.label", column=data.outcome_column, values=data.default_means)))
    if data.horizon_days is not None:
        blocks.append(Paragraph(message("data.horizon", days=formatted(data.horizon_days, "count"))))
    elif data.observed_at:
        blocks.append(Paragraph(message("data.observed_at", column=data.observed_at)))
    else:
        blocks.append(Paragraph(message("data.no_horizon")))
    if data.cutoff:
        excluded = formatted(data.counts.get("immature_rows_excluded", 0), "count")
        blocks.append(Paragraph(message("data.maturity", cutoff=data.cutoff, rows=excluded)))
    if model.trained_from:
        blocks.append(Paragraph(message("data.trained", first=model.trained_from, last=model.trained_to)))
    if data.sampled:
        blocks.append(Paragraph(message("data.sampled")))
    rate = evaluation.positives / evaluation.rows if evaluation.rows else float("nan")
    rows: list[tuple[Cell, ...]] = [
        (Words(message(f"count.{name}")), Number(count, "count")) for name, count in data.counts.items()
    ]
    rows += [
        (Words(message("count.positives")), Number(evaluation.positives, "count")),
        (Words(message("count.window_rate")), Number(rate, "percent")),
        (Words(message("count.training_rate")), Number(data.training_default_rate, "percent")),
    ]
    columns = (message("count.part"), message("count.value"))
    blocks.append(Table(message("count.title"), columns, tuple(rows), data.source))
    return Section("data", message("section.data"), blocks)


def metrics_section(figures: ReportFigures) -> Section:
    """Every metric with its interval, and each reference in a column of its own."""
    evaluation = figures.evaluation
    names = list(dict.fromkeys(name for row in evaluation.metrics for name in row.references))
    columns = (
        message("metric.title"),
        message("metric.value"),
        message("metric.low"),
        message("metric.high"),
        *(verbatim(_spaced(name)) for name in names),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            Words(message(f"metric.{row.name}")),
            Number(row.interval.value),
            Number(row.interval.low),
            Number(row.interval.high),
            *(Number(row.references.get(name, float("nan"))) for name in names),
        )
        for row in evaluation.metrics
    )
    blocks: list[Block] = [Paragraph(message("metric.explained", bins=str(ECE_BINS)))]
    blocks.append(Table(message("metric.table"), columns, rows, evaluation.source))
    if evaluation.reference_difference is not None:
        low, high = evaluation.reference_difference
        state = "behind" if high < 0 else "ahead" if low > 0 else "alike"
        blocks.append(
            Paragraph(
                message(
                    f"metric.reference_{state}",
                    name=_spaced(evaluation.best_reference),
                    low=formatted(low),
                    high=formatted(high),
                )
            )
        )
    if figures.reproduced is not None:
        same = figures.reproduced <= ROUNDING
        blocks.append(
            Paragraph(
                message("metric.reproduced")
                if same
                else message("metric.differs", difference=formatted(figures.reproduced)),
                "plain" if same else "bad",
            )
        )
    return Section("metrics", message("section.metrics"), blocks)


def _spaced(name: str) -> str:
    """`HistGradientBoosting` with blanks, so that it can wrap in a title, and is the same everywhere."""
    return "".join(f" {c}" if c.isupper() and i else c for i, c in enumerate(name))
