"""The first page of the console, from the facts of the tables and the state of this worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bento.console.drift_lights import shown_lights
from bento.console.f1_chart import f1_chart
from bento.console.overview_facts import OverviewFacts
from bento.console.page_rendering import Visitor, minute, render
from bento.console.page_texts import Language, Texts
from bento.console.rejection_text import rejection_text
from bento.console.retraining_text import Tone, retraining_text
from bento.operations.request_latency import RouteLatency
from loan_default_assets.policy.state import Limits
from loan_default_assets.policy.verdict_warnings import WarningKind
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.alert_log import LoggedAlert
from loan_default_assets.warehouse.registry import ModelRecord


@dataclass(frozen=True)
class ServiceState:
    """What this worker knows without the database.

    Attributes:
        champion: The served model, or the one that it should serve; None without one.
        model_problem: Why the champion cannot be loaded, or could not be loaded again.
        log_problem: Why predictions are not recorded or delivered.
        replicas: How many replicas are alive, and how many of them are outdated.
    """

    ready: bool
    champion: ModelRecord | None
    model_problem: str | None
    log_problem: str | None
    replicas: Mapping[str, int]
    latencies: tuple[RouteLatency, ...]

    @property
    def status(self) -> str:
        """The state as /health gives it."""
        if not self.ready:
            return "unavailable"
        return "degraded" if self.model_problem or self.log_problem else "ok"

    @property
    def tone(self) -> Tone:
        """The tone of its mark."""
        tones: dict[str, Tone] = {"unavailable": "bad", "degraded": "warning"}
        return tones.get(self.status, "good")


@dataclass(frozen=True)
class ShownAlert:
    """One line of the alerts; `at` is None while the cause lasts.

    Attributes:
        delivery: What became of an alert that the platform sent; None of another line.
        undelivered: Whether it could not be delivered.
        recorded: Its recorded sentence, in English.
    """

    at: datetime | None
    tone: Tone
    text: str
    delivery: str | None = None
    undelivered: bool = False
    recorded: str | None = None


def overview_page(
    service: ServiceState,
    facts: OverviewFacts,
    limits: Limits,
    reported: Sequence[str],
    *,
    portfolio: Portfolio,
    visitor: Visitor,
    language: Language,
) -> bytes:
    """The page.

    Args:
        service: The state of this worker.
        facts: What the tables hold.
        limits: The limits of the retraining policy.
        reported: The versions that have a model report.
        portfolio: The served portfolio.
        visitor: Who looks at the page.
        language: Of the page.
    """
    texts = Texts(language)
    values: dict[str, Any] = {
        "service": service,
        "champion": service.champion,
        "facts": facts,
        "target": limits.f1_threshold,
        "chart": f1_chart(facts.evaluations or (), limits.f1_threshold),
        "retraining": retraining_text(facts.retraining, limits, texts) if facts.retraining else None,
        "champion_warnings": champion_warnings(facts, texts),
        "rejection": rejection_text(facts.rejected, texts) if facts.rejected else None,
        "alerts": shown_alerts(service, facts, limits, texts),
        "most_predictions": max([1, *(day.predictions for day in facts.volumes or ())]),
        "latencies": service.latencies,
        "dated": portfolio.as_of is not None,
        "lights": shown_lights(facts.drift, portfolio, texts) if facts.drift else (),
        "reported": frozenset(reported),
        "now": datetime.now(UTC),
    }
    title = portfolio.title or portfolio.name
    return render("overview", language, portfolio=title, visitor=visitor, **values)


def shown_alerts(
    service: ServiceState, facts: OverviewFacts, limits: Limits, texts: Texts
) -> list[ShownAlert]:
    """What lasts now, then the newest sent alerts and decisions on champions, the newest first."""
    now: list[ShownAlert] = []
    if service.model_problem:
        now.append(ShownAlert(None, "bad", texts("alerts.model")))
    if service.log_problem:
        now.append(ShownAlert(None, "bad", texts("alerts.prediction_log")))
    if outdated := service.replicas["outdated"]:
        now.append(ShownAlert(None, "warning", texts("alerts.outdated", count=outdated)))
    now += champion_warnings(facts, texts)
    past = [
        ShownAlert(change.decided_at, tone, texts(key, version=change.version))
        for change in facts.changes or ()
        for key, tone in (_CHANGES[change.action],)
    ]
    past += [_sent_alert(alert, texts) for alert in facts.alerts or ()]
    if facts.retraining and facts.retraining.hold_since and not _is_sent(facts.retraining.hold_since, facts):
        hold = texts("alerts.hold", attempts=limits.max_attempts)
        past.append(ShownAlert(facts.retraining.hold_since, "bad", hold))
    return now + sorted(past, key=lambda alert: alert.at or datetime.max.replace(tzinfo=UTC), reverse=True)


def champion_warnings(facts: OverviewFacts, texts: Texts) -> list[ShownAlert]:
    """The warnings on the newest verdict on the champion."""
    return [
        ShownAlert(
            None,
            _WARNINGS[warning.kind],
            texts(f"alerts.{warning.kind}", version=version.version),
            recorded=warning.text,
        )
        for version in facts.versions or ()
        if version.status == "champion"
        for warning in version.warnings
    ]


def _is_sent(hold_since: datetime, facts: OverviewFacts) -> bool:
    """Whether the present HOLD has an alert of its own."""
    return any(alert.kind == "hold" and alert.raised_at >= hold_since for alert in facts.alerts or ())


def _sent_alert(alert: LoggedAlert, texts: Texts) -> ShownAlert:
    if alert.delivered_at and alert.delivered_through:
        through = texts(f"alerts.through_{alert.delivered_through}")
        delivery = texts("alerts.delivered", through=through, at=minute(alert.delivered_at))
    elif alert.failure:
        delivery = texts("alerts.not_delivered", why=texts(f"alerts.failure_{alert.failure}"))
    else:
        delivery = texts("alerts.being_sent")
    return ShownAlert(
        alert.raised_at,
        "warning" if alert.kind == "drift" else "bad",
        texts(f"alerts.sent_{alert.kind}", subject=alert.subject),
        delivery,
        alert.delivered_at is None and alert.failure is not None,
        alert.text,
    )


_WARNINGS: dict[WarningKind, Tone] = {"leakage_not_excluded": "bad", "leakage_doubt": "warning"}
_CHANGES: dict[str, tuple[str, Tone]] = {
    "promoted": ("alerts.promoted", "good"),
    "rejected": ("alerts.rejected", "warning"),
    "rolled back": ("alerts.rolled_back", "bad"),
}
