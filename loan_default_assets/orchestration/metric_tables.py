"""Metrics and sentences in Dagster's UI: tables with three significant digits, and lines that fit beside them."""

import math
import textwrap
from collections.abc import Mapping

import dagster as dg

from loan_default_assets.pipeline.evaluate_models import WindowEvaluation
from loan_default_assets.reports.rendering.number_format import rounded
from loan_default_assets.warehouse.evaluations import EvaluationRecord

# In a window of 1,300 pixels, the page of an asset leaves 300 to a value: a plot or three short columns.
_SHORT_NAMES = {"HistGradientBoosting": "boosting", "LogisticRegression": "logistic"}
# Characters of a line there, beside the longest key of an asset. A hash, which cannot be broken, makes the column of
# the values wider than the window, so that sentences without breaks would run out of it.
_LINE = 34


def sentences(*texts: str) -> dg.MarkdownMetadataValue:
    """Paragraphs with lines short enough to be read without scrolling sideways."""
    return dg.MetadataValue.md("\n\n".join("  \n".join(_lines(text)) for text in texts))


def _lines(text: str) -> list[str]:
    # A number stays with its sign, and a command with its options.
    text = text.replace(" %", "\u00a0%")
    return textwrap.wrap(text, _LINE, break_long_words=False, break_on_hyphens=False)


def defined_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics that the rows define; NaN cannot be shown."""
    return {name: rounded(value) for name, value in metrics.items() if not math.isnan(value)}


def metrics_table(evaluated: WindowEvaluation) -> dg.MetadataValue:
    """A table with one row per metric: value, and that of the reference that discriminates best."""
    best = evaluated.references.best
    rows = {
        name: {"value": value, "reference": rounded(best.metrics.values[name])}
        for name, value in defined_metrics(evaluated.model.metrics.values).items()
    }
    return _metric_rows(rows, {"value": "", "reference": f"{best.name}, on the same rows"})


def recorded_metrics_table(evaluation: EvaluationRecord) -> dg.MetadataValue:
    """A table with one row per recorded metric: value, 95 % interval, and that of the best reference."""
    from loan_default_assets.model.metrics import METRICS

    best = evaluation.baseline or {}
    names = ("metric", "value", "95 %", "reference")
    records = []
    # PostgreSQL keeps the names of a document by their length.
    shown = {name: evaluation.metrics[name] for name in METRICS if name in evaluation.metrics}
    for metric, value in defined_metrics(shown).items():
        low, high = evaluation.intervals.get(metric, (math.nan, math.nan))
        reference = best.get("metrics", {}).get(metric)
        cells: dict[str, str | float | None] = {
            "metric": metric,
            "value": value,
            "95 %": None if math.isnan(low) else f"{low:.3f}–{high:.3f}",
            "reference": None if reference is None or math.isnan(reference) else rounded(reference),
        }
        records.append(dg.TableRecord({name: cell for name, cell in cells.items() if cell is not None}))
    texts = ("", "on the evaluation window", "95 % interval", best.get("name", ""))
    kinds = ("string", "float", "string", "float")
    columns = [
        dg.TableColumn(name, kind, description=text or None)
        for name, kind, text in zip(names, kinds, texts, strict=True)
    ]
    return dg.MetadataValue.table(records=records, schema=dg.TableSchema(columns))


def interval_table(evaluated: WindowEvaluation) -> dg.MetadataValue:
    """A table with one row per metric: its 95 % interval."""
    metrics = evaluated.model.metrics
    rows = {
        name: dict(zip(("low", "high"), map(rounded, metrics.intervals[name]), strict=True))
        for name in defined_metrics(metrics.values)
    }
    return _metric_rows(rows, dict.fromkeys(("low", "high"), "95 % interval"))


def reference_table(evaluated: WindowEvaluation) -> dg.MetadataValue:
    """A table with one row per metric, and one column per reference."""
    references = (evaluated.references.best, *evaluated.references.others)
    rows = {
        name: {_SHORT_NAMES[r.name]: rounded(r.metrics.values[name]) for r in references}
        for name in defined_metrics(evaluated.references.best.metrics.values)
    }
    return _metric_rows(rows, {_SHORT_NAMES[r.name]: r.name for r in references})


def _metric_rows(rows: Mapping[str, Mapping[str, float]], columns: Mapping[str, str]) -> dg.MetadataValue:
    """A table with one row per metric, and the descriptions of its columns of numbers."""
    schema = [dg.TableColumn("metric", "string")]
    schema += [dg.TableColumn(name, "float", description=text or None) for name, text in columns.items()]
    records = [
        dg.TableRecord({"metric": metric, **{n: v for n, v in values.items() if not math.isnan(v)}})
        for metric, values in rows.items()
    ]
    return dg.MetadataValue.table(records=records, schema=dg.TableSchema(schema))
