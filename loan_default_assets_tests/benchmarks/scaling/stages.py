"""The stages whose cost is measured: what each needs, and what it does in a process of its own."""

import os
import resource
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

import psutil
import torch

from loan_default_assets.commands.session import open_session
from loan_default_assets.settings import Settings
from loan_default_assets_tests.benchmarks.scaling.scaled_bank import Champion, Layout, promote_champion
from loan_default_assets_tests.benchmarks.scaling.stage_work import (
    Facts,
    StageWork,
    copy_file,
    featurize,
    ingest_daily,
    load,
    predict_rows,
    score_file,
    score_stored,
)
from loan_default_assets_tests.benchmarks.scaling.training_stages import (
    FINE_TUNING_EPOCHS,
    SAMPLED_ROWS,
    fine_tuning,
    pretraining,
    sampled_pretraining,
)

Need = Literal["file", "raw", "features"]


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        title: As the page names it.
        needs: What has to be there before.
        source: The module whose sources, with all that it imports, are the version of the code.
        prepare: Returns the work; it is not measured.
        tables: Tables that are emptied before.
        champion: The champion that it scores with.
        layout: The partitions of the loans.
        divided: Whether several workers are processes that divide the rows; otherwise the stage starts them itself.
    """

    title: str
    needs: Need
    source: str
    prepare: Callable[[StageWork], Callable[[], Facts]]
    tables: tuple[str, ...] = ()
    champion: Champion | None = None
    layout: Layout = "monthly"
    divided: bool = True


_PIPELINE = "loan_default_assets.pipeline"
STAGES: Mapping[str, Stage] = {
    "copy": Stage("bare COPY of the file", "file", "loan_default_assets.warehouse.database", copy_file),
    "ingestion": Stage(
        "ingestion, 72 monthly partitions",
        "file",
        f"{_PIPELINE}.load_loans",
        load,
        ("raw_data", "processed_data"),
    ),
    "features": Stage("features", "raw", f"{_PIPELINE}.make_features", featurize, ("processed_data",)),
    "daily": Stage(
        "ingestion and features in one Dagster run, 365 daily partitions",
        "file",
        "loan_default_assets.orchestration.jobs",
        ingest_daily,
        ("raw_data", "processed_data"),
        layout="daily",
    ),
    "pretraining": Stage("pretraining", "features", f"{_PIPELINE}.pretrain_encoder", pretraining),
    "sampled_pretraining": Stage(
        f"pretraining, TRAINING_MAX_ROWS={SAMPLED_ROWS:,}".replace(",", ""),
        "features",
        f"{_PIPELINE}.pretrain_encoder",
        sampled_pretraining,
    ),
    "fine_tuning": Stage(
        f"fine-tuning, {FINE_TUNING_EPOCHS} epochs",
        "features",
        f"{_PIPELINE}.train_classifier",
        fine_tuning,
        divided=False,
    ),
    "predict": Stage(
        "model alone, no reasons",
        "file",
        "loan_default_assets.model.predictor",
        predict_rows("none"),
        champion="default",
    ),
    "predict_adverse": Stage(
        "model alone, reasons of adverse decisions",
        "file",
        "loan_default_assets.model.predictor",
        predict_rows("adverse"),
        champion="default",
    ),
    "predict_all": Stage(
        "model alone, reasons of all decisions",
        "file",
        "loan_default_assets.model.predictor",
        predict_rows("all"),
        champion="default",
    ),
    "scored_loans": Stage(
        "`score-loans`, no reasons",
        "features",
        f"{_PIPELINE}.batch_scoring",
        score_stored,
        ("scored_loans",),
        "default",
    ),
    "score": Stage(
        "`score FILE`, reasons of adverse decisions",
        "file",
        "loan_default_assets.commands.score",
        score_file,
        champion="default",
    ),
    "scored_loans_small": Stage(
        "`score-loans`, small model",
        "features",
        f"{_PIPELINE}.batch_scoring",
        score_stored,
        ("scored_loans",),
        "small",
    ),
    "score_small": Stage(
        "`score FILE`, small model",
        "file",
        "loan_default_assets.commands.score",
        score_file,
        champion="small",
    ),
}


def work_in_child(task: Mapping[str, Any], parent: Connection) -> None:
    """Prepare, report that, wait for the parent, do the work of one process of a stage, and send what it took.

    Args:
        task: Stage, bank, variables of the environment, number of this process and of all, folder of the champions.
        parent: Gets None once the work is prepared, then the figures; a message to it starts the work, another ends it.
    """
    os.environ.update(task["variables"])
    torch.set_num_threads(1)
    stage = STAGES[task["stage"]]
    with open_session(Settings()) as session:
        work = StageWork(task["bank"], session, task["worker"], task["workers"], task["models"])
        if stage.champion and work.worker == 0:
            promote_champion(session, work.models, stage.champion)
        run = stage.prepare(work)
        base = psutil.Process().memory_info().rss
        parent.send(None)
        parent.recv()
        before = _processor_seconds()
        facts = run()
        user, system = (now - then for now, then in zip(_processor_seconds(), before, strict=True))
        own, children = (resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        peak = max(own.ru_maxrss, children.ru_maxrss) * 1024
        parent.send({"user": user, "system": system, "base": base, "peak": peak, "facts": facts})
        parent.recv()


def _processor_seconds() -> tuple[float, float]:
    own, children = (resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + children.ru_utime, own.ru_stime + children.ru_stime
