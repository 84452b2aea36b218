import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from loan_default_assets.model.artifact import ArtifactError, SavedArtifact, load, save
from loan_default_assets.model.ensemble import Ensemble
from loan_default_assets.model.training import Encoder, FittedModel
from loan_default_assets_tests.model.examples import fitted, loans, pretrained, tiny

NAMES = {"numbers": ("income", "amount", "age"), "categories": ("region", "purpose")}


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return fitted()


def put(folder: Path, model: FittedModel | Encoder, **changed: Any) -> SavedArtifact:
    given: dict[str, Any] = {
        "portfolio_hash": "a" * 64,
        "portfolio": {"name": "대출", "columns": ["income"]},
        "snapshot_hash": "b" * 64,
        "feature_names": NAMES,
        "extra": {"rows": np.int64(300)},
    }
    return save(folder, model, **(given | changed))


def test_a_classifier_is_loaded_as_it_was_saved(tmp_path: Path, model: FittedModel) -> None:
    saved = put(tmp_path, model)
    loaded = load(saved.path, sha256=saved.sha256, portfolio_hash="a" * 64)
    again = loaded.classifier()
    for before, after in zip(model.states, again.states, strict=True):
        assert all(torch.equal(after[name], value) for name, value in before.items())
    assert again.members == model.members
    assert (again.config, again.threshold, again.calibration) == (
        model.config,
        model.threshold,
        model.calibration,
    )
    assert loaded.feature_names == NAMES
    assert loaded.portfolio["name"] == "대출"
    assert loaded.extra == {"rows": 300}
    assert saved.path.name == saved.version == loaded.version == "c" + saved.sha256[:12]
    assert [e.validation_auc for e in again.history] == [e.validation_auc for e in model.history]
    assert again.validation is not None
    assert model.validation is not None
    order = np.argsort(model.validation.log_odds)
    assert np.array_equal(again.validation.log_odds, model.validation.log_odds[order])
    assert np.array_equal(again.validation.outcome, model.validation.outcome[order])
    rows = loans(50, seed=4)
    ours, theirs = (
        Ensemble(m).logits(m.encoding.transform(rows.numerical, rows.categorical)) for m in (model, again)
    )
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("settings", [{"members": 1, "boosting": False}, {"members": 1}, {"boosting": False}])
def test_any_ensemble_is_loaded_as_it_was_saved(tmp_path: Path, settings: dict[str, Any]) -> None:
    model = fitted(**settings)
    again = load(put(tmp_path, model).path).classifier()
    rows = loans(50, seed=4)
    encoded = model.encoding.transform(rows.numerical, rows.categorical)
    assert np.array_equal(Ensemble(model).logits(encoded), Ensemble(again).logits(encoded))


def test_a_model_that_kept_no_scores_of_validation_rows_is_loaded(tmp_path: Path, model: FittedModel) -> None:
    saved = put(tmp_path, replace(model, validation=None))
    assert not (saved.path / "validation.safetensors").exists()
    assert load(saved.path, sha256=saved.sha256).classifier().validation is None


def test_an_encoder_is_loaded_and_cannot_score(tmp_path: Path) -> None:
    encoder = pretrained(loans(50), tiny())
    saved = put(tmp_path, encoder)
    assert saved.version.startswith("e")
    loaded = load(saved.path)
    assert isinstance(loaded.model, Encoder)
    assert loaded.model.losses == encoder.losses
    with pytest.raises(ArtifactError, match="cannot score"):
        loaded.classifier()


def test_the_same_model_is_one_version(tmp_path: Path, model: FittedModel) -> None:
    first = put(tmp_path / "one", model)
    written = (first.path / "weights.safetensors").stat().st_mtime_ns
    assert put(tmp_path / "one", fitted()) == first
    assert (first.path / "weights.safetensors").stat().st_mtime_ns == written
    assert put(tmp_path / "two", model).sha256 == first.sha256
    other = put(tmp_path / "one", model, snapshot_hash="c" * 64)
    assert other.version != first.version
    weights = [(saved.path / "weights.safetensors").read_bytes() for saved in (first, other)]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    "name",
    [
        "weights.safetensors",
        "trees.safetensors",
        "additive.safetensors",
        "validation.safetensors",
        "encoding.safetensors",
        "model.json",
        "portfolio.json",
        "manifest.json",
    ],
)
@pytest.mark.parametrize("position", [0, 0.5, 1])
def test_any_flipped_byte_is_refused(tmp_path: Path, model: FittedModel, name: str, position: float) -> None:
    saved = put(tmp_path, model)
    content = bytearray((saved.path / name).read_bytes())
    content[int(position * (len(content) - 1))] ^= 1
    (saved.path / name).write_bytes(content)
    for sha256 in (saved.sha256, None):
        with pytest.raises(ArtifactError, match=saved.version):
            load(saved.path, sha256=sha256)
    assert put(tmp_path, model) == saved
    assert load(saved.path, sha256=saved.sha256).sha256 == saved.sha256


def test_another_digest_portfolio_or_version_is_refused(tmp_path: Path, model: FittedModel) -> None:
    saved = put(tmp_path, model)
    with pytest.raises(ArtifactError, match="SHA-256"):
        load(saved.path, sha256="0" * 64)
    with pytest.raises(ArtifactError, match="trained under portfolio aaaaaaaaaaaa"):
        load(saved.path, portfolio_hash="c" * 64)
    moved = saved.path.rename(tmp_path / ("c" + "0" * 12))
    with pytest.raises(ArtifactError, match=f"its content is version {saved.version}"):
        load(moved)
    assert load(moved.rename(tmp_path / "copy"), sha256=saved.sha256).version == saved.version


def test_a_missing_file_is_named(tmp_path: Path, model: FittedModel) -> None:
    saved = put(tmp_path, model)
    (saved.path / "weights.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"weights\.safetensors does not exist"):
        load(saved.path)
    other = put(tmp_path / "other", model)
    (other.path / "trees.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"trees\.safetensors differs from its SHA-256"):
        load(other.path)
    with pytest.raises(ArtifactError, match="the folder does not exist"):
        load(tmp_path / "nowhere")


def test_partial_folders_of_killed_processes_are_removed(tmp_path: Path, model: FittedModel) -> None:
    partial = tmp_path / ".c0123456789ab.999999999.partial"
    partial.mkdir()
    (partial / "weights.safetensors").write_bytes(b"half")
    saved = put(tmp_path, model)
    assert [path.name for path in tmp_path.iterdir()] == [saved.version]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, model: FittedModel) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ArtifactError, match="models"):
        put(tmp_path / "models", model)


def test_nothing_in_the_folder_is_a_pickle_or_a_time(tmp_path: Path, model: FittedModel) -> None:
    saved = put(tmp_path, model)
    for name in ("model.json", "portfolio.json", "manifest.json"):
        json.loads((saved.path / name).read_bytes())
    assert "seconds" not in (saved.path / "model.json").read_text()
    assert sorted(path.suffix for path in saved.path.iterdir()) == [".json"] * 3 + [".safetensors"] * 5
