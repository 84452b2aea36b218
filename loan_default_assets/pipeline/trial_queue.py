"""Tuning trials in PostgreSQL: which one a process runs next, and what came of it."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loan_default_assets.warehouse.trial_locks import TrialLocks

if TYPE_CHECKING:
    import optuna

    from loan_default_assets.model.search_space import Dimension

# User attribute of a trial: the process that runs it.
_PROCESS = "process"
_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Claim:
    """A trial that this process runs.

    Attributes:
        trial: Optuna's trial.
        settings: The searched settings to train with.
        present: Whether they are the present settings, which are always trained to their end.
    """

    trial: "optuna.Trial"
    settings: Mapping[str, Any]
    present: bool


@dataclass(frozen=True)
class FinishedTrial:
    """A trial with a result.

    Attributes:
        number: Number in the study, from 0; numbers of interrupted trials are not used again.
        settings: The searched settings.
        value: Best validation ROC-AUC; where it was stopped early, the last one.
        stopped_early: Whether it was pruned.
    """

    number: int
    settings: Mapping[str, Any]
    value: float
    stopped_early: bool


@dataclass(frozen=True)
class TrialQueue:
    """The trials of one study, for any number of processes at once; valid inside `trial_storage.open_queue` only.

    Attributes:
        study: Optuna's study.
        locks: The locks of this process.
        space: The settings to search.
        present: The present settings, the first trial of every study.
        seed: Seed of the search.
    """

    study: "optuna.Study"
    locks: TrialLocks
    space: Sequence["Dimension"]
    present: Mapping[str, Any]
    seed: int

    def claims(self, trials: int) -> Iterator[Claim]:
        """Trials to run, until `trials` of them have a result; waits for those that other processes run.

        A trial whose process died is run again with the same settings. The present settings are a trial even where
        there are enough others.

        Raises:
            WarehouseError: The connection is lost.
        """
        from optuna.trial import TrialState

        while True:
            with self.locks.exclusive(self.study.study_name) as is_alive:
                self._release_dead(is_alive)
                found = self.study.get_trials(deepcopy=False)
                states = Counter(trial.state for trial in found)
                taken = states[TrialState.COMPLETE] + states[TrialState.PRUNED] + states[TrialState.RUNNING]
                present_left = self._present_left(found)
                claim = self._ask(self._tried(found)) if taken < trials or present_left else None
            if claim is not None:
                yield claim
            elif states[TrialState.RUNNING]:
                time.sleep(_POLL_SECONDS)
            else:
                return

    def complete(self, claim: Claim, value: float) -> None:
        """Record the validation ROC-AUC of a trial."""
        self._tell(claim, values=value)

    def stop_early(self, claim: Claim) -> None:
        """Record that a trial was pruned."""
        from optuna.trial import TrialState

        self._tell(claim, state=TrialState.PRUNED)

    def fail(self, claim: Claim) -> None:
        """Record that a trial cannot be trained; its settings are not tried again."""
        from optuna.trial import TrialState

        self._tell(claim, state=TrialState.FAIL)

    def finished(self) -> list[FinishedTrial]:
        """All trials with a result, in the order of their numbers."""
        from optuna.trial import TrialState

        return [
            FinishedTrial(
                trial.number,
                self._settings(trial.params),
                trial.value if trial.value is not None else float("nan"),
                trial.state == TrialState.PRUNED,
            )
            for trial in self.study.get_trials(
                deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)
            )
        ]

    def interrupted(self) -> int:
        """Trials without a result: those whose process died, and those that could not be trained."""
        from optuna.trial import TrialState

        return len(self.study.get_trials(deepcopy=False, states=(TrialState.FAIL,)))

    def _tell(self, claim: Claim, **result: Any) -> None:
        # A process that lost its lock, and its trial with it, is told so by its next claim.
        self.study.tell(claim.trial, skip_if_finished=True, **result)

    def _tried(self, found: Sequence["optuna.trial.FrozenTrial"]) -> int:
        """How many settings were chosen. A trial that died and its repetition have the same ones, and count once."""
        chosen = (trial.system_attrs.get("fixed_params") or trial.params for trial in found)
        return len({tuple(sorted(each.items())) for each in chosen if len(each) == len(self.space)})

    def _ask(self, tried: int) -> Claim:
        """The next trial.

        Its seed depends on how many settings were tried before it: no start of the search repeats another's, and one
        that was interrupted goes on with the settings that it would have tried.
        """
        import optuna

        self.study.sampler = optuna.samplers.TPESampler(
            seed=int.from_bytes(hashlib.sha256(f"{self.seed}:{tried}".encode()).digest()[:4], "big"),
            multivariate=True,
            constant_liar=True,
        )
        trial = self.study.ask()
        for dimension in self.space:
            if dimension.choices:
                trial.suggest_categorical(dimension.name, dimension.choices)
            else:
                trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.log)
        # Last, and still under the lock: a running trial without it has lost its process.
        trial.set_user_attr(_PROCESS, self.locks.process)
        settings = self._settings(trial.params)
        return Claim(trial, settings, settings == self.present)

    def _release_dead(self, is_alive: Callable[[str], bool]) -> None:
        from optuna.trial import TrialState

        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            process = trial.user_attrs.get(_PROCESS)
            if process is not None and is_alive(process):
                continue
            self.study.tell(trial.number, state=TrialState.FAIL)
            if len(trial.params) == len(self.space):
                self.study.enqueue_trial(trial.params)

    def _present_left(self, found: Sequence["optuna.trial.FrozenTrial"]) -> bool:
        """Whether no process has taken the present settings yet; they are then in the queue."""
        from optuna.trial import TrialState

        taken = (TrialState.COMPLETE, TrialState.RUNNING)
        if any(trial.state in taken and trial.params == self.present for trial in found):
            return False
        if not any(trial.state == TrialState.WAITING for trial in found):
            self.study.enqueue_trial(dict(self.present))
        return True

    def _settings(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        if parameters == self.present:
            return self.present
        return {dimension.name: dimension.rounded(parameters[dimension.name]) for dimension in self.space}
