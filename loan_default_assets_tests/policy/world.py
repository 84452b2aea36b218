"""A simulated platform: labels, a registry, evaluations and a scheduler, as far as the policy sees them.

It counts attempts and holds in a ledger of its own and asserts the invariants at every event. `Decide` is a
parameter, so that the tests can show that broken policies violate the invariants.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from loan_default_assets.policy.promotion import Verdict, decide_promotion
from loan_default_assets.policy.promotion_figures import Comparison, EvaluatedModel, PromotionLimits
from loan_default_assets.policy.retraining import Action, Retraining
from loan_default_assets.policy.state import Evaluation, Limits, Model, State
from loan_default_assets_tests.policy.ledger import F1_HALF_WIDTH, F1_WITHOUT_DISCRIMINATION, Ledger

Decide = Callable[[State, Limits], Action]
EPOCH = date(2026, 1, 1)


@dataclass
class Run:
    """A retraining in flight; `version` is set when its model is registered."""

    start: Retraining
    version: str | None = None
    labels: int = 0


class World:
    """Every method is one event and raises AssertionError when an invariant is violated."""

    def __init__(
        self, decide: Decide, limits: Limits, promotion: PromotionLimits | None = None, champion: bool = False
    ) -> None:
        self.decide, self.limits, self.promotion = decide, limits, promotion or PromotionLimits()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.days: list[int] = []
        self.labels = self.arrived = self.snapshots = 0
        self.models: dict[str, Model] = {}
        self.evaluations: list[Evaluation] = []
        self.verdicts: dict[str, Verdict | None] = {}
        self.runs: list[Run] = []
        self.ended_runs: set[str] = set()
        self.reasons: Counter[str] = Counter()
        self.ledger = Ledger()
        if champion:
            self._registered("first", None, 1, 0)
            self.promote("first")

    @property
    def snapshot(self) -> str:
        return f"s{self.snapshots}"

    @property
    def champion(self) -> Model | None:
        champions = [model for model in self.models.values() if model.status == "champion"]
        assert len(champions) <= 1
        return champions[0] if champions else None

    def state(self, *, forced: bool = False) -> State:
        return State(
            now=self.now,
            labels=self.labels,
            snapshot=self.snapshot if self.snapshots else None,
            models=tuple(self.models.values()),
            evaluations=tuple(self.evaluations),
            running=tuple(run.start.run_key for run in self.runs),
            ended_runs=frozenset(self.ended_runs),
            forced=forced,
        )

    def arrive(self, count: int) -> None:
        """A partition with `count` matured labels; a negative count withdraws labels of an old partition."""
        self.labels += max(count, -self.labels)
        self.arrived += max(count, 0)
        self.days.append(max(count, 0))
        self.snapshots += 1
        self.wait(timedelta(hours=1))

    def wait(self, time: timedelta) -> None:
        self.now += time

    def evaluate(self, f1: float, *, version: str | None = None, share: int = 5) -> None:
        """Evaluate the champion, or `version`, on the newest rows, of which one in `share` is a default.

        A second evaluation on the same rows changes nothing.
        """
        self.wait(timedelta(minutes=1))
        version = version or (self.champion.version if self.champion and self.champion.usable else None)
        if version is None or any(
            (e.version, e.snapshot) == (version, self.snapshot) for e in self.evaluations
        ):
            return
        rows, first = 0, len(self.days)
        while first and rows < self.limits.sample_threshold:
            first -= 1
            rows += self.days[first]
        rows = min(rows, self.labels)
        roc_auc = 0.6 if f1 < F1_WITHOUT_DISCRIMINATION else 0.9
        evaluation = Evaluation(
            version,
            self.snapshot,
            rows,
            rows // share,
            f1,
            f1 - F1_HALF_WIDTH,
            f1 + F1_HALF_WIDTH,
            self.now,
            EPOCH + timedelta(days=first),
            EPOCH + timedelta(days=len(self.days)),
            roc_auc - 0.01,
            roc_auc + 0.01,
        )
        self.evaluations.append(evaluation)
        if evaluation.is_sufficient(self.limits) and self.models[version].usable:
            self.ledger.best = max(self.ledger.best, f1)
        if self.champion and version == self.champion.version and evaluation.is_sufficient(self.limits):
            self.ledger.later.append(evaluation)

    def tick(self, *, forced: bool = False) -> Action:
        """Evaluate the policy twice and carry out its action once. A forced tick is an operator's command."""
        state = self.state(forced=forced)
        action = self.decide(state, self.limits)
        assert action == self.decide(replace(state), self.limits)
        self.reasons[action.reason] += 1
        if action.alert_key:
            assert self.ledger.failures, "an alert without a failed attempt"
            self.ledger.alerts.add(action.alert_key)
            assert len(self.ledger.alerts) <= self.ledger.holds, "more alerts than holds"
        if action.retraining is None:
            return action
        start = action.retraining
        known = start.run_key in self.ledger.run_keys
        assert not known or (forced and start.run_key in self.ended_runs), "a run key that was used before"
        self._may_start(start, forced)
        self.ledger.run_keys.add(start.run_key)
        self.ledger.interventions += forced
        self.ended_runs.discard(start.run_key)
        self.runs.append(Run(start))
        assert len(self.runs) == 1, "two retrainings in flight"
        return action

    def register(self) -> None:
        """The run in flight has trained; after a crash it finds the model that it registered before."""
        run = self.runs[0]
        if run.version is not None:
            return
        self.wait(timedelta(minutes=10))
        triple = (run.start.champion, self.snapshot, run.start.attempt)
        registered = [m for m in self.models.values() if (m.parent, m.snapshot, m.attempt) == triple]
        assert all(model.status == "candidate" for model in registered), "a repeated attempt"
        if registered:
            run.version = registered[0].version
        else:
            run.version = f"m{len(self.models)}"
            self._registered(run.version, run.start.champion, run.start.attempt, self.labels)
        run.labels = self.models[run.version].labels

    def finish(self, f1: float, champion_f1: float, low: float, share: int = 5) -> Verdict:
        """Evaluate candidate and champion on the same rows, and carry out the verdict."""
        self.register()
        run = self.runs.pop()
        assert run.version is not None
        candidate = self.models[run.version]
        for version, figure in ((candidate.version, f1), (None, champion_f1)):
            self.evaluate(figure, version=version, share=share)
        window = [e for e in self.evaluations if e.version == candidate.version][-1]
        evaluated = EvaluatedModel("", window.rows, window.positives, f1, 0.6, 0.01, True, True, True, True)
        old = self.champion
        verdict = decide_promotion(
            replace(evaluated, version=candidate.version),
            replace(evaluated, version=old.version, f1=champion_f1, schema_matches=old.usable)
            if old
            else None,
            Comparison(low, low + 0.1, low, low + 0.1) if old and old.usable else None,
            self.promotion,
        )
        if verdict.promote and old and old.usable:
            justified = window.is_sufficient(self.limits) and low >= -0.005 and (f1 >= 0.8 or low > 0)
            assert justified, "a champion replaced without evidence"
        self.verdicts[candidate.version] = verdict
        self._finished(run, candidate)
        outdated = candidate.parent != (old.version if old else None) or bool(
            old and old.promoted_at and candidate.created_at < old.promoted_at
        )
        if verdict.promote and not outdated and candidate.usable:
            self._promoted(candidate.version)
        else:
            self.models[candidate.version] = replace(candidate, status="rejected", verdict=verdict.decision)
            if not outdated and candidate.usable:
                self._failed()
        return verdict

    def crash(self, *, given_up: bool) -> None:
        """The run crashes. `given_up`: the scheduler retries it no more."""
        if given_up:
            self.ended_runs.add(self.runs.pop().start.run_key)

    def promote(self, version: str) -> None:
        """An operator promotes a version; a rollback promotes an older one."""
        self.verdicts[version] = None
        self.wait(timedelta(minutes=1))
        if self.models[version].status == "candidate":
            self.ledger.trained_rows.add(self.models[version].snapshot)
        self._promoted(version)

    def change_portfolio(self) -> None:
        """Every row is rematerialized; no model can score the new rows."""
        for version, model in self.models.items():
            self.models[version] = replace(model, usable=False)
        self.snapshots += 1
        self.ledger.trained_rows.clear()
        self.ledger.failures, self.ledger.no_usable_champion, self.ledger.best = 0, True, 0.0
        self.ledger.reference, self.ledger.later = None, []
        self.ledger.interventions += 1

    def check(self) -> None:
        """Check the invariants that hold at any moment."""
        champion, ledger = self.champion, self.ledger
        promoted = [model for model in self.models.values() if model.promoted_at]
        assert champion or not promoted, "the champion was lost"
        for model in promoted:
            verdict = self.verdicts[model.version]
            assert verdict is None or verdict.promote, "a promotion against its verdict"
        bound = self.limits.max_attempts * (
            1 + self.arrived // self.limits.sample_threshold + ledger.interventions
        )
        assert ledger.attempts <= bound, "more attempts than the labels allow"

    def _may_start(self, start: Retraining, forced: bool) -> None:
        assert start.champion == (self.champion.version if self.champion else None), (
            "an attempt against another model"
        )
        evaluations = [e for e in self.evaluations if e.version == start.champion]
        self.ledger.may_start(start, evaluations, self.now, self.labels, self.limits, forced=forced)

    def _registered(self, version: str, parent: str | None, attempt: int, labels: int) -> None:
        self.models[version] = Model(version, parent, self.snapshot, attempt, labels, "candidate", self.now)

    def _finished(self, run: Run, candidate: Model) -> None:
        ledger = self.ledger
        ledger.attempts += 1
        ledger.trained_labels, ledger.trained_at = run.labels, candidate.created_at
        if candidate.usable:
            ledger.trained_rows.add(candidate.snapshot)
        ledger.triples.add((candidate.parent, candidate.snapshot, candidate.attempt))
        ledger.seeds.add(run.start.seed_offset)

    def _promoted(self, version: str) -> None:
        if old := self.champion:
            self.models[old.version] = replace(old, status="retired")
        model = self.models[version]
        self.models[version] = replace(model, status="champion", promoted_at=self.now)
        self.ledger.failures, self.ledger.no_usable_champion = 0, not model.usable
        self.ledger.reference, self.ledger.later = None, []

    def _failed(self) -> None:
        self.ledger.failures += 1
        if self.ledger.failures % self.limits.max_attempts == 0:
            self.ledger.holds += 1
            self.ledger.reference = self.ledger.later[-1].f1 if self.ledger.later else self.ledger.reference
            self.ledger.later = []
