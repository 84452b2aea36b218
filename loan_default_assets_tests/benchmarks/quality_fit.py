"""One fit in a process of its own, so that CPU seconds and memory are its own: the program that `quality` starts."""

import importlib
import json
import resource
import sys
import time
from pathlib import Path

from loan_default_assets_tests.benchmarks.quality_cache import FitJob, code_digest
from loan_default_assets_tests.benchmarks.quality_references import REFERENCES, fit_reference
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet
from loan_default_assets_tests.benchmarks.quality_scores import Fit, FitCost, save_fit


def run(job: FitJob) -> None:
    """Fit and store.

    Raises:
        RuntimeError: The source is another than when the job was planned.
    """
    data = QualitySet.read(job.set_path)
    if job.model in REFERENCES:
        for module in REFERENCES[job.model].modules:
            importlib.import_module(module)
        start = time.process_time()
        scores = fit_reference(data, job.model, job.seed)
    else:
        # Imported here: a reference needs no torch, and its memory should not hold it.
        from loan_default_assets_tests.benchmarks.quality_transformer import fit_transformer

        start = time.process_time()
        scores = fit_transformer(data, job.settings, job.seed)
    seconds = time.process_time() - start
    fit = Fit(scores(), FitCost(seconds, peak_megabytes()))
    if code_digest(job.model) != job.code_digest:
        raise RuntimeError(f"the source of {job.model} changed while it was fitted; run the benchmark again")
    save_fit(fit, job.path)


def peak_megabytes() -> float:
    """Largest resident memory of this process.

    Not `ru_maxrss` on Linux: a child inherits that of the process that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


if __name__ == "__main__":
    run(FitJob.from_dict(json.loads(sys.argv[1])))
