"""Versions leave BentoML's store as a Bento and a model, and others stay usable."""

from pathlib import Path

import pytest

from bento.operations import bentoml_internals
from bento.operations.bento_pruning import delete_packaged, packaged_versions


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Models a, b and c with Bentos, and one of another portfolio."""
    for tag in ("bank:a", "bank:b", "bank:c", "other:a"):
        with bentoml_internals.new_model(tag, store=tmp_path, labels={}) as model:
            Path(model.path_of("record.json")).write_text("{}")
        name, _, version = tag.partition(":")
        bento = tmp_path / "bentos" / f"loan_default_{name}" / version
        bento.mkdir(parents=True)
        (bento / "bento.yaml").write_text(
            f"service: s:S\nname: loan_default_{name}\nversion: {version}\nbentoml_version: 1.4.39\n"
            "creation_time: 2024-05-01T00:00:00+00:00\n"
        )
    return tmp_path


def versions(store: Path, portfolio: str) -> dict[str, int]:
    return {each.version: len(each.folders) for each in packaged_versions(store, portfolio)}


def test_bento_and_model_go_and_the_others_stay(store: Path) -> None:
    import bentoml
    from bentoml._internal.models import ModelStore

    assert versions(store, "bank") == {"a": 2, "b": 2, "c": 2}
    for _ in range(2):
        delete_packaged(store, "bank", {"a", "c", "never packaged"})
        assert versions(store, "bank") == {"b": 2}
    assert versions(store, "other") == {"a": 2}
    models = ModelStore(str(store / "models"))
    assert bentoml.models.get("bank:latest", _model_store=models).tag.version == "b"
    delete_packaged(store, "bank", {"b"})
    assert versions(store, "bank") == {}


@pytest.mark.parametrize("left", ["model alone", "half a Bento", "half of everything"])
def test_a_deletion_that_was_cut_off_goes_on(store: Path, left: str) -> None:
    bento, model = store / "bentos" / "loan_default_bank" / "a", store / "models" / "bank" / "a"
    (bento / "bento.yaml").unlink()
    if left == "model alone":
        bento.rmdir()
    if left == "half of everything":
        (model / "model.yaml").unlink()
    assert "a" in versions(store, "bank")
    delete_packaged(store, "bank", {"a"})
    assert versions(store, "bank") == {"b": 2, "c": 2}


def test_a_damaged_neighbour_is_no_reason_to_fail(store: Path) -> None:
    (store / "bentos" / "loan_default_bank" / "b" / "bento.yaml").unlink()
    (store / "models" / "bank" / "b" / "model.yaml").unlink()
    delete_packaged(store, "bank", {"a"})
    assert versions(store, "bank") == {"b": 2, "c": 2}


def test_an_empty_store_has_no_versions(tmp_path: Path) -> None:
    assert packaged_versions(tmp_path / "none", "bank") == []
    delete_packaged(tmp_path / "none", "bank", {"a"})
