"""What every stage costs per row, from measurements at growing numbers of rows, and what follows for 1 billion rows.

`python -m loan_default_assets_tests.benchmarks.scaling --sizes 10k,100k --write docs/scaling.md` measures what
`docs/scaling.jsonl` does not have yet, one stage at a time, and writes the page from all that it has.
"""

import argparse
import tempfile
from pathlib import Path

from loan_default_assets_tests.benchmarks.gpu_record import GpuRecord
from loan_default_assets_tests.benchmarks.scaling.cost_chart import write_chart
from loan_default_assets_tests.benchmarks.scaling.measurement_file import (
    GPU_FINDINGS,
    RESULTS,
    MeasurementFile,
    row_count,
)
from loan_default_assets_tests.benchmarks.scaling.scaling_page import scaling_page
from loan_default_assets_tests.benchmarks.scaling.stage_curves import curves
from loan_default_assets_tests.benchmarks.scaling.stage_runner import run_missing
from loan_default_assets_tests.benchmarks.scaling.stages import STAGES
from loan_default_assets_tests.benchmarks.scaling.training_stages import SAMPLED_ROWS

# Stages that two processes can share.
SHARED = ("ingestion", "features", "fine_tuning", "scored_loans", "score")


def main() -> None:
    """Measure what is missing, and write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m loan_default_assets_tests.benchmarks.scaling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", default="10k,100k", help="numbers of rows, separated by commas")
    parser.add_argument("--stages", default=",".join(STAGES), help="stages, separated by commas")
    parser.add_argument("--workers", default="1", help="numbers of processes, separated by commas")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file of the measurements")
    parser.add_argument(
        "--scratch", type=Path, default=Path(tempfile.gettempdir()), help="folder of the files and databases"
    )
    parser.add_argument(
        "--write", type=Path, help="file of the page; its chart is images/scaling.svg beside it"
    )
    arguments = parser.parse_args()
    file = MeasurementFile(arguments.results)
    jobs = [
        (stage, row_count(size), int(workers))
        for size in arguments.sizes.split(",")
        if size
        for stage in arguments.stages.split(",")
        for workers in arguments.workers.split(",")
        if (workers == "1" or stage in SHARED)
        # Up to the limit all rows are read: that is the stage before.
        and (stage != "sampled_pretraining" or row_count(size) > SAMPLED_ROWS)
    ]
    run_missing(jobs, file, arguments.scratch)
    if arguments.write:
        measurements = file.read()
        arguments.write.write_text(scaling_page(measurements, GpuRecord(GPU_FINDINGS).read()), "utf-8")
        write_chart(
            curves([each for each in measurements if each.stage in STAGES]),
            arguments.write.parent / "images" / "scaling.svg",
        )


if __name__ == "__main__":
    main()
