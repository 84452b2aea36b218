import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.model_bill import PREFIX, model_bill
from loan_default_assets.commands.sbom import sbom
from loan_default_assets.model.artifact_files import ArtifactError
from loan_default_assets.signing.model_signature import SIGNATURE
from loan_default_assets.warehouse.registry import ModelRecord
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.opened_bank import Bank, OpenBank

NOON, LATER = datetime(2025, 6, 1, 12, tzinfo=UTC), datetime(2025, 6, 2, tzinfo=UTC)


def champion_of(bank: Bank) -> ModelRecord:
    champion = bank.session.registry.champion()
    assert champion is not None
    return champion


def properties(bill: dict[str, Any]) -> dict[str, str]:
    listed = bill["metadata"]["component"]["properties"]
    return {entry["name"].removeprefix(PREFIX): entry["value"] for entry in listed}


def schema_problem(text: str) -> str | None:
    """What CycloneDX's own validator says about a bill; None where it is valid."""
    pytest.importorskip("cyclonedx", reason="needs cyclonedx-python-lib, of the extra `dev`")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return None if problem is None else repr(problem)


@pytest.fixture(scope="module")
def text(good_bank: Bank) -> str:
    return sbom(good_bank.session, None, now=NOON)


def test_every_file_is_listed_with_its_hash(good_bank: Bank, text: str) -> None:
    champion = champion_of(good_bank)
    component = json.loads(text)["metadata"]["component"]
    listed = {entry["name"]: entry["hashes"][0]["content"] for entry in component["components"]}
    folder = Path(champion.artifact_uri)
    # The signature is made over these files, and may be replaced without another model.
    files = [path for path in folder.iterdir() if path.name != SIGNATURE]
    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert component["hashes"] == [{"alg": "SHA-256", "content": champion.artifact_sha256}]
    assert component["version"] == champion.version


def test_data_members_and_figures_are_those_of_registry_and_evaluation(good_bank: Bank, text: str) -> None:
    champion, bill = champion_of(good_bank), json.loads(text)
    evaluation = good_bank.session.evaluations.latest(champion.version)
    assert evaluation is not None
    facts, card = properties(bill), bill["metadata"]["component"]["modelCard"]
    assert facts["snapshot_hash"] == champion.snapshot_hash
    assert facts["portfolio_hash"] == good_bank.session.portfolio.hash
    assert (facts["status"], facts["verdict"]) == ("champion", evaluation.verdict)
    details = json.loads((Path(champion.artifact_uri) / "model.json").read_text("utf-8"))
    assert [value.split(",")[0] for name, value in facts.items() if name.startswith("member:")] == [
        member["kind"] for member in details["members"]
    ]
    metrics = {entry["type"]: entry for entry in card["quantitativeAnalysis"]["performanceMetrics"]}
    assert {name: float(entry["value"]) for name, entry in metrics.items()} == dict(evaluation.metrics)
    bounds = metrics["roc_auc"]["confidenceInterval"]
    assert (float(bounds["lowerBound"]), float(bounds["upperBound"])) == evaluation.intervals["roc_auc"]
    inputs = " ".join(entry["format"] for entry in card["modelParameters"]["inputs"])
    assert all(name in inputs for names in details["feature_names"].values() for name in names)


def test_libraries_are_the_installed_ones_and_every_reference_leads_somewhere(text: str) -> None:
    bill = json.loads(text)
    libraries = {
        entry["name"]: entry["version"] for entry in bill["components"] if entry["type"] == "library"
    }
    assert libraries["torch"] == version("torch")
    assert {"numpy", "safetensors", "scikit-learn", "loan-default-assets"} <= set(libraries)
    references = {entry["bom-ref"] for entry in [*bill["components"], bill["metadata"]["component"]]}
    assert {
        name for entry in bill["dependencies"] for name in [entry["ref"], *entry["dependsOn"]]
    } == references
    datasets = bill["metadata"]["component"]["modelCard"]["modelParameters"]["datasets"]
    assert {entry["ref"] for entry in datasets} <= references


def test_it_is_valid_for_a_classifier_and_an_encoder(good_bank: Bank, text: str) -> None:
    encoder = next(r for r in good_bank.session.registry.history() if r.kind == "encoder")
    assert schema_problem(text) is None
    assert schema_problem(sbom(good_bank.session, encoder.version)) is None
    altered = json.loads(text)
    altered["metadata"]["component"]["modelCard"]["modelParameters"]["approach"]["type"] = "guessed"
    assert schema_problem(json.dumps(altered)) is not None


def test_figures_that_could_not_be_computed_are_omitted(good_bank: Bank) -> None:
    champion = champion_of(good_bank)
    evaluation = good_bank.session.evaluations.latest(champion.version)
    assert evaluation is not None
    files = {path.name: path.read_bytes() for path in Path(champion.artifact_uri).iterdir()}
    undefined = replace(
        evaluation, metrics={"f1": 0.5, "roc_auc": float("nan")}, intervals={"f1": (float("nan"), 1.0)}
    )
    bill = model_bill(champion, undefined, files, portfolio="bank", libraries={}, written_at=NOON)
    (metric,) = bill["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert (metric["type"], "confidenceInterval" in metric) == ("f1", False)
    never = model_bill(champion, None, files, portfolio="bank", libraries={}, written_at=NOON)
    assert "quantitativeAnalysis" not in never["metadata"]["component"]["modelCard"]
    assert schema_problem(json.dumps(bill)) is None
    assert schema_problem(json.dumps(never)) is None


def test_a_bill_holds_no_loan_and_differs_by_its_time_only(good_bank: Bank, text: str) -> None:
    assert not any(loan in text for loan in small_bank.loans(days=3)["loan"].astype(str))
    first, second = json.loads(text), json.loads(sbom(good_bank.session, None, now=LATER))
    assert first["metadata"].pop("timestamp") != second["metadata"].pop("timestamp")
    assert first == second


def test_a_version_without_intact_files_is_not_described(good_bank: Bank) -> None:
    with pytest.raises(CommandError, match="no model version 'c000000000000'"):
        sbom(good_bank.session, "c000000000000")
    weights = Path(champion_of(good_bank).artifact_uri) / "weights.safetensors"
    kept = weights.read_bytes()
    try:
        weights.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        with pytest.raises(ArtifactError, match="SHA-256"):
            sbom(good_bank.session, None)
    finally:
        weights.write_bytes(kept)
    assert sbom(good_bank.session, None)


def test_without_a_champion_the_next_command_is_named(open_bank: OpenBank) -> None:
    with pytest.raises(CommandError, match="loan-default run"):
        sbom(open_bank(small_bank.loans(days=3)).session, None)
