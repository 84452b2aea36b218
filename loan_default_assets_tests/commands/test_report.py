"""`loan-default report`, its workbook, and the report that every evaluation of the graph writes."""

import hashlib
import re
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from loan_default_assets.cli import loan_default
from loan_default_assets.commands import summary
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.report import dossier, report, workbook
from loan_default_assets.report_files import find_report
from loan_default_assets_tests.opened_bank import Bank, OpenBank


def metadata(bank: Bank, asset: str) -> dict[str, dg.MetadataValue]:
    [event] = bank.instance.fetch_materializations(dg.AssetKey(["small_bank", asset]), limit=1).records
    assert event.asset_materialization is not None
    return dict(event.asset_materialization.metadata)


@pytest.mark.parametrize("asset", ["evaluation", "champion"])
def test_the_graph_links_the_report_and_its_hash(good_bank: Bank, asset: str) -> None:
    shown = metadata(good_bank, asset)
    path = Path(str(shown["report"].value))
    assert path.parent == good_bank.session.artifacts.root / "reports"
    assert shown["report_sha256"].value == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_champion_is_reported_on_unless_a_version_is_named(good_bank: Bank, tmp_path: Path) -> None:
    champion = good_bank.session.registry.champion()
    assert champion is not None
    output = tmp_path / "report.html"
    text = report(good_bank.session, None, output)
    stored = find_report(good_bank.session.artifacts.root, champion.version)
    assert stored is not None
    assert text.splitlines() == [
        str(output),
        f"SHA-256 {stored.sha256}, of evaluation {stored.evaluation} of {champion.version}",
    ]
    assert hashlib.sha256(output.read_bytes()).hexdigest() == stored.sha256
    assert report(good_bank.session, champion.version).splitlines()[0] == str(stored.path)


def test_the_summary_of_a_run_names_the_report(good_bank: Bank) -> None:
    assert good_bank.first is not None
    champion = good_bank.session.registry.champion()
    assert champion is not None
    stored = find_report(good_bank.session.artifacts.root, champion.version)
    assert stored is not None
    assert f"report      {stored.path} (open it in a browser)" in summary.text(
        good_bank.session, good_bank.first
    )


def test_a_version_without_an_evaluation_is_refused(good_bank: Bank, tmp_path: Path) -> None:
    encoder = next(record for record in good_bank.session.registry.history() if record.kind == "encoder")
    with pytest.raises(CommandError, match="has no recorded evaluation"):
        report(good_bank.session, encoder.version)
    with pytest.raises(CommandError, match="no model version 'c9'; see: loan-default status"):
        report(good_bank.session, "c9")
    with pytest.raises(CommandError, match="cannot be written"):
        report(good_bank.session, None, tmp_path / "no-such-folder" / "report.html")


def test_the_workbook_of_the_champion_is_private(good_bank: Bank, tmp_path: Path) -> None:
    champion = good_bank.session.registry.champion()
    assert champion is not None
    output = tmp_path / "validation.xlsx"
    output.write_bytes(b"older")
    output.chmod(0o644)
    for path, named in (
        (output, None),
        (good_bank.session.artifacts.root / "reports" / f"{champion.version}.xlsx", champion.version),
    ):
        text = workbook(good_bank.session, named, output if path == output else None)
        content = path.read_bytes()
        assert text.splitlines() == [
            str(path),
            f"SHA-256 {hashlib.sha256(content).hexdigest()}, validation workbook of {champion.version}",
        ]
        assert path.stat().st_mode & 0o777 == 0o600
        assert content.startswith(b"PK")
    # Neither a partial file nor a change of the model report.
    assert list(tmp_path.iterdir()) == [output]
    assert find_report(good_bank.session.artifacts.root, champion.version) is not None


def test_a_workbook_that_cannot_be_made_is_refused(good_bank: Bank, tmp_path: Path) -> None:
    encoder = next(record for record in good_bank.session.registry.history() if record.kind == "encoder")
    with pytest.raises(CommandError, match="has no recorded evaluation"):
        workbook(good_bank.session, encoder.version)
    with pytest.raises(CommandError, match="no model version 'c9'; see: loan-default status"):
        workbook(good_bank.session, "c9")
    nowhere = tmp_path / "no-such-folder" / "validation.xlsx"
    with pytest.raises(CommandError, match=re.escape(f"{nowhere}: cannot be written")):
        workbook(good_bank.session, None, nowhere)


def test_the_dossier_of_the_champion_is_two_private_files(good_bank: Bank, tmp_path: Path) -> None:
    champion = good_bank.session.registry.champion()
    assert champion is not None
    folder = good_bank.session.artifacts.root / "reports"
    for output, base in (
        (tmp_path / "bank.html", tmp_path / "bank.md"),
        (None, folder / f"{champion.version}.dossier.md"),
    ):
        lines = dossier(good_bank.session, None, output).splitlines()
        for position, path in ((0, base), (2, base.with_suffix(".html"))):
            content = path.read_bytes()
            assert lines[position : position + 2] == [
                str(path),
                f"SHA-256 {hashlib.sha256(content).hexdigest()}, dossier of {champion.version}",
            ]
            assert path.stat().st_mode & 0o777 == 0o600
        assert re.fullmatch(r"\d+ of \d+ items are not recorded", lines[4])
    assert (tmp_path / "bank.md").read_bytes() == (folder / f"{champion.version}.dossier.md").read_bytes()
    # A new report replaces the former report, and not the dossier.
    report(good_bank.session, champion.version)
    assert (folder / f"{champion.version}.dossier.html").exists()


@pytest.mark.parametrize(
    ("made", "by"), [(report, "write_report"), (workbook, "validation_workbook"), (dossier, "dossier_facts")]
)
def test_a_missing_folder_is_refused_before_the_rows_are_scored(
    made: Callable[..., str], by: str, good_bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored: list[str] = []
    monkeypatch.setattr(f"loan_default_assets.commands.report.{by}", lambda *_: scored.append(by))
    nowhere = tmp_path / "no-such-folder" / "a.file"
    with pytest.raises(CommandError, match=re.escape(f"{nowhere}: cannot be written (no folder")):
        made(good_bank.session, None, nowhere)
    assert scored == []


def test_a_dossier_that_cannot_be_written_is_refused(good_bank: Bank, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no model version 'c9'; see: loan-default status"):
        dossier(good_bank.session, "c9")
    nowhere = tmp_path / "no-such-folder" / "bank.md"
    with pytest.raises(CommandError, match=re.escape(f"{nowhere}: cannot be written")):
        dossier(good_bank.session, None, nowhere)


def test_two_documents_at_once_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOAN_DEFAULT_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(loan_default, ["report", "--workbook", "--dossier"])
    assert result.exit_code == 2
    assert "expected --workbook or --dossier, got both" in result.output


@pytest.mark.parametrize(
    ("option", "written"), [([], "report"), (["--workbook"], "workbook"), (["--dossier"], "dossier")]
)
def test_the_option_chooses_what_is_written(
    option: list[str], written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOAN_DEFAULT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("loan_default_assets.commands.session.open_session", lambda _: nullcontext("session"))
    for name in ("report", "workbook", "dossier"):
        monkeypatch.setattr(
            f"loan_default_assets.commands.report.{name}", lambda *given, name=name: f"{name}: {given}"
        )
    result = CliRunner().invoke(loan_default, ["report", "c1", *option, "--output", "a.file"])
    assert result.exit_code == 0
    assert result.output == f"{written}: {('session', 'c1', Path('a.file'))}\n"


def test_without_a_champion_there_is_nothing_to_report_on(open_bank: OpenBank) -> None:
    with pytest.raises(CommandError, match="no champion to report on\nNext: loan-default run"):
        report(open_bank().session, None)
    with pytest.raises(CommandError, match="no champion to report on\nNext: loan-default run"):
        workbook(open_bank().session, None)
    with pytest.raises(CommandError, match="no champion to report on\nNext: loan-default run"):
        dossier(open_bank().session, None)
