"""The scaling benchmark: its fit, its file of measurements, its page and the limits that it names."""

from dataclasses import replace
from pathlib import Path

import pytest

from loan_default_assets_tests.benchmarks import scaling_kills
from loan_default_assets_tests.benchmarks.gpu_record import (
    DeviceFit,
    EpochCost,
    Finding,
    GpuRecord,
    StepSpeed,
)
from loan_default_assets_tests.benchmarks.scaling import stage_runner
from loan_default_assets_tests.benchmarks.scaling.accelerators import accelerators
from loan_default_assets_tests.benchmarks.scaling.cost_fit import fit_cost
from loan_default_assets_tests.benchmarks.scaling.cost_limits import limits
from loan_default_assets_tests.benchmarks.scaling.measurement_file import (
    GPU_FINDINGS,
    RESULTS,
    ROOT,
    Measurement,
    MeasurementFile,
    row_count,
)
from loan_default_assets_tests.benchmarks.scaling.outlook import extrapolation
from loan_default_assets_tests.benchmarks.scaling.scaling_page import scaling_page
from loan_default_assets_tests.benchmarks.scaling.stage_curves import curves, full_trainings
from loan_default_assets_tests.benchmarks.scaling.stages import STAGES

HOUR = 3600.0


def measured(
    stage: str, rows: int, cpu: float, *, workers: int = 1, stored: int = 0, **facts: float
) -> Measurement:
    """A measurement of which a quarter of the processor time is PostgreSQL's."""
    return Measurement(
        stage=stage, rows=rows, done=rows, workers=workers, version="v1", wall=2 * cpu, user=0.5 * cpu,
        system=0.25 * cpu, server=0.25 * cpu, base=100_000_000, peak=200_000_000, server_peak=50_000_000,
        stored=stored, others=1.5, cores=2, memory=8 << 30, day="2026-01-31", facts=facts,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "seconds", "fixed", "per_row", "residuals"),
    [
        ([1000, 10_000, 100_000], [3.0, 12.0, 102.0], 2.0, 1e-3, [0, 0, 0]),
        ([500], [1.0], 0.0, 2e-3, [0]),
        # The larger size is cheaper per row than a line through zero allows: all of it is fixed.
        ([1000, 2000], [1.0, 1.0], 1.0, 0.0, [0, 0]),
        # More than proportional: a fixed part below zero is not fitted, and the residuals say so.
        ([1000, 10_000], [1.0, 20.0], 0.0, 1.2e-3, [-0.2, 0.4]),
    ],
)
def test_a_cost_is_a_fixed_part_and_a_part_per_row(
    rows: list[int], seconds: list[float], fixed: float, per_row: float, residuals: list[float]
) -> None:
    fitted = fit_cost(rows, seconds)
    assert fitted.fixed == pytest.approx(fixed, abs=1e-6)
    assert fitted.per_row == pytest.approx(per_row, abs=1e-9)
    assert fitted.residuals == pytest.approx(residuals, abs=1e-6)
    assert fitted.seconds(1e9) == pytest.approx(fixed + per_row * 1e9, rel=1e-6)


def test_every_size_counts_alike_in_the_fit() -> None:
    fitted = fit_cost([1000, 10_000, 1_000_000], [2.0, 11.0, 1500.0])
    assert abs(fitted.residuals[0]) < 0.3, "the smallest size is not drowned by the largest"
    assert fitted.largest_residual == max(fitted.residuals, key=abs)
    assert fit_cost([1000, 2000], [1.0, 2.0]).largest_residual is None


def test_what_was_measured_for_the_present_sources_is_not_measured_again(tmp_path: Path) -> None:
    file = MeasurementFile(tmp_path / "results" / "scaling.jsonl")
    jobs = [("copy", 1000, 1), ("ingestion", 1000, 1), ("ingestion", 1000, 2)]
    versions = {"copy": "v1", "ingestion": "v1"}
    assert file.missing(jobs, versions) == jobs
    file.append(measured("ingestion", 1000, 5.0))
    file.append(measured("copy", 1000, 1.0))
    assert file.missing(jobs, versions) == [("ingestion", 1000, 2)]
    assert file.missing(jobs, versions | {"copy": "v2"}) == [("copy", 1000, 1), ("ingestion", 1000, 2)]
    file.append(replace(measured("copy", 1000, 2.0), version="v2"))
    assert [each.cpu for each in file.read()] == [2.0, 5.0]


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "scaling.jsonl"
    file = MeasurementFile(path)
    file.append(measured("copy", 1000, 1.0))
    file.append(measured("copy", 2000, 2.0))
    path.write_bytes(path.read_bytes()[:-20])
    assert [each.rows for each in file.read()] == [1000]
    file.append(measured("copy", 3000, 3.0))
    assert [each.rows for each in file.read()] == [1000, 3000]


@pytest.mark.parametrize(("text", "rows"), [("500", 500), ("27k", 27_000), ("10M", 10_000_000)])
def test_sizes_are_read(text: str, rows: int) -> None:
    assert row_count(text) == rows


@pytest.mark.parametrize(("rows", "daily"), [(10_000_000, 365 * 27_000), (10_000, 365 * 27), (10, 365)])
def test_a_year_of_days_has_a_whole_number_of_rows_per_day(rows: int, daily: int) -> None:
    assert stage_runner.rows_of("daily", rows) == daily
    assert stage_runner.rows_of("ingestion", rows) == rows


def test_the_first_limit_is_the_one_with_the_fewest_rows() -> None:
    night = 8 * HOUR
    rows = 1000
    found = curves(
        [
            measured("ingestion", rows, rows * night / 4e8, stored=rows * 500),
            measured("features", rows, rows * night / 4e8, stored=rows * 300),
            measured("scored_loans", rows, rows * night / 5e7, stored=rows * 200),
            measured("score", rows, rows * night / 1e7, stored=rows * 1000),
        ]
    )
    first = limits(found)
    assert [each.rows for each in first] == sorted(each.rows for each in first)
    by_name = {each.what.partition(" take")[0]: each.rows for each in first}
    assert by_name["one `score FILE`"] == pytest.approx(1e7)
    assert by_name["one run of `score-loans` on one core"] == pytest.approx(5e7)
    assert by_name["one run of ingestion and features (one reader, one COPY stream)"] == pytest.approx(2e8)
    assert by_name["raw rows, features and scores"] == pytest.approx(1e9)
    assert by_name["the prediction log of `score FILE`"] == pytest.approx(1e9)
    assert first[0].what.startswith("one `score FILE`")


def test_the_outlook_gives_cores_and_machines_that_end_a_stage_in_a_night() -> None:
    # 100 million rows take 400 hours: 50 cores for 8 hours, on 4 machines of 16.
    page = extrapolation(curves([measured("scored_loans", 1000, 1000 * 400 * HOUR / 1e8, stored=80_000)]))
    (line,) = [each for each in page.splitlines() if "| 100,000,000 |" in each and "score-loans" in each]
    assert line.split(" | ")[3:8] == ["400", "50", "4", "12.5", "8"]


def test_a_full_training_adds_the_epochs_that_were_not_run() -> None:
    facts = {
        "training_rows": 640.0,
        "epochs": 2.0,
        "transformers": 3.0,
        "derived_epochs": 8.0,
        "epoch_seconds": 4.0,
    }
    (full,) = full_trainings(curves([measured("fine_tuning", 1000, 30.0, **facts)])["fine_tuning", 1])
    assert full.seconds == pytest.approx(30 + 3 * 6 * 4)
    assert full.epoch_per_row == pytest.approx(4 / 640)


def test_a_page_of_few_measurements_says_what_is_missing() -> None:
    page = scaling_page([measured("ingestion", 1000, 5.0)])
    assert "| `score FILE`, reasons of adverse decisions | not measured | not measured |" in page
    assert page.count("Not measured yet.") >= 3


def test_different_hashes_after_kills_are_said() -> None:
    facts = {"rows_at_first_kill": 300.0, "rows_at_second_kill": 600.0}
    same = replace(
        measured("score_killed", 1000, 5.0), facts=facts | {"undisturbed": "a1", "killed_twice": "a1"}
    )
    other = replace(
        same, stage="scored_loans_killed", facts=facts | {"undisturbed": "a1", "killed_twice": "b2"}
    )
    page = scaling_page([same, other])
    assert "| `score FILE` | 1,000 | 300 | 600 | `a1` | `a1` | identical |" in page
    assert "| `score-loans` | 1,000 | 300 | 600 | `a1` | `b2` | **different** |" in page


def test_the_page_in_the_documentation_is_that_of_the_measurements() -> None:
    assert (ROOT / "docs" / "scaling.md").read_text("utf-8") == scaling_page(
        MeasurementFile(RESULTS).read(), GpuRecord(GPU_FINDINGS).read()
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_stage_runs_on_a_small_file(tmp_path: Path) -> None:
    file = MeasurementFile(tmp_path / "scaling.jsonl")
    jobs = [(stage, 3000, 1) for stage in STAGES] + [
        (stage, 3000, 2) for stage in ("ingestion", "fine_tuning", "score_small")
    ]
    stage_runner.run_missing(jobs, file, tmp_path)
    found = file.read()
    assert sorted((each.stage, each.rows, each.workers) for each in found) == sorted(jobs)
    assert all(each.cpu > 0 and each.peak > each.base for each in found if each.stage != "copy")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("scaling-")]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", list(scaling_kills.SCENARIOS))
def test_a_command_that_is_killed_twice_and_repeated_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    facts = scaling_kills.measure(name, 150_000, tmp_path).facts
    assert facts["killed_twice"] == facts["undisturbed"]
    assert all(0 <= float(facts[f"rows_at_{number}_kill"]) < 150_000 for number in ("first", "second"))


def test_the_last_finding_of_a_question_counts(tmp_path: Path) -> None:
    record = GpuRecord(tmp_path / "gpu.jsonl")
    first = StepSpeed("GPU", "scoring", 512, 1000.0, 0.1, 0.5)
    kept: list[Finding] = [
        replace(first, rows_per_second=2000.0),
        replace(first, machine="CPU", busy=None),
        EpochCost("GPU", "pretraining", 5000, 1.0, 10**9),
        DeviceFit("GPU", "set", 0, 5.0, {"roc_auc": 0.8}),
    ]
    for finding in (first, *kept):
        record.append(finding)
    assert record.read() == kept


def test_the_section_on_gpus_is_computed_from_the_findings() -> None:
    measured_values = {"roc_auc": 0.81, "pr_auc": 0.5, "log_loss": 0.4, "f1": 0.6}
    page = accelerators(
        [
            StepSpeed("GPU A", "fine-tuning", 256, 8000.0, 0.004, 0.25),
            StepSpeed("CPU", "fine-tuning", 256, 2000.0, 0.28, None),
            EpochCost("GPU A", "pretraining", 100_000, 3.0, 10**9),
            DeviceFit("GPU A", "loans", 0, 50.0, measured_values, beside=13),
            *(
                DeviceFit("CPU", "loans", seed, 70.0, {**measured_values, "roc_auc": 0.80 + seed / 100})
                for seed in (0, 1)
            ),
        ],
        "shares",
    )
    assert "| fine-tuning | 256 | 8,000 | 2,000 | 4.00 | 25% | 0.4% | 28% |" in page
    # 2,000,000 rows, two epochs, 30 microseconds per row.
    assert "pretraining 2.00 minutes" in page
    assert "| loans | CPU | 2 | 70.0 | 0 | 0.8050 ± 0.0071 | 0.5000 ± 0.0000 |" in page
    assert "| loans | GPU | 1 | 50.0 | 13 | 0.8100 | 0.5000 |" in page
    assert "differs by at most +0.01000 between the devices" in page
    assert "standard deviation of 0.00707" in page
    assert "Not measured: no machine with a GPU" in accelerators([], "shares")
