"""Runs the fits that are not stored yet, each in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from loan_default_assets_tests.benchmarks.quality_cache import FitJob
from loan_default_assets_tests.benchmarks.quality_scores import read_fit

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run_all(jobs: Sequence[FitJob], processes: int) -> int:
    """Run all jobs without a stored fit and print a line for each.

    Returns:
        How many failed.
    """
    different = {job.path: job for job in jobs}
    missing = [job for path, job in different.items() if read_fit(path) is None]
    print(f"{len(different)} fits, {len(different) - len(missing)} of them stored", file=sys.stderr)
    with ThreadPoolExecutor(processes) as pool:
        failed = 0
        for number, (job, error) in enumerate(zip(missing, pool.map(_run, missing), strict=True), start=1):
            failed += bool(error)
            print(
                f"[{number}/{len(missing)}] {job.title}: {error or _outcome(job)}",
                file=sys.stderr,
                flush=True,
            )
    return failed


def _run(job: FitJob) -> str:
    """Run one job; what it printed last where it failed."""
    program = "loan_default_assets_tests.benchmarks.quality_fit"
    done = subprocess.run(
        [sys.executable, "-m", program, json.dumps(job.as_dict())],
        env=os.environ | ONE_THREAD,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else f"exit code {done.returncode}: {done.stderr[-2000:]}"


def _outcome(job: FitJob) -> str:
    fit = read_fit(job.path)
    if fit is None:
        return "nothing stored"
    return f"{fit.cost.training_seconds:.1f} CPU s, {fit.cost.peak_megabytes:.0f} MB"
