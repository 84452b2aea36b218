from pathlib import Path

import pytest
import yaml

from loan_default_assets.portfolio.column_account import column_account
from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets_tests import small_bank

IGNORED = {"email": "personal data: e-mail addresses", "note": "free text", "x": None}


def described(folder: Path, **changes: object) -> Portfolio:
    columns = small_bank.DESCRIPTION["columns"] | {"sex": {"kind": "category", "values": ["f", "m"]}}
    path = folder / "bank.yaml"
    keys = {"columns": columns | {"remark": {"kind": "text"}}, "protected": ["sex"]}
    path.write_text(yaml.safe_dump(small_bank.DESCRIPTION | keys | changes, sort_keys=False))
    return load(str(path), source="loans.csv")


def test_every_column_is_accounted_for_with_its_reason(tmp_path: Path) -> None:
    account = column_account(described(tmp_path, ignore=IGNORED))
    assert [(use.name, use.use) for use in account] == [
        ("loan", "key"),
        ("issued", "as_of"),
        ("defaulted", "label"),
        ("income", "numerical feature"),
        ("amount", "numerical feature"),
        ("months_employed", "numerical feature"),
        ("purpose", "categorical feature"),
        ("branch", "categorical feature"),
        ("collected", "known after the outcome"),
        ("sex", "protected"),
        ("remark", "stored only"),
        ("share", "numerical feature"),
        ("email", "ignored"),
        ("note", "ignored"),
        ("x", "ignored"),
    ]
    reasons = {use.name: use.reason for use in account}
    assert [reasons[name] for name in ("email", "note", "x")] == [
        "personal data: e-mail addresses",
        "free text",
        "listed under ignore: not read",
    ]
    assert all(use.reason for use in account if not use.is_feature)
    assert not any(use.reason for use in account if use.is_feature)


def test_ignored_columns_are_a_list_or_have_reasons(tmp_path: Path) -> None:
    listed, reasoned = (described(tmp_path, ignore=given) for given in (list(IGNORED), IGNORED))
    assert listed.ignore == reasoned.ignore == tuple(IGNORED)
    assert (listed.ignored_because, set(reasoned.ignored_because)) == ({}, {"email", "note"})
    assert listed.hash == reasoned.hash
    again = Portfolio.model_validate(reasoned.model_dump(mode="json"))
    assert again.ignored_because == reasoned.ignored_because


def test_a_reason_for_another_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PortfolioError, match="ignored_because: 'emial' is not under ignore"):
        described(tmp_path, ignore=["email"], ignored_because={"emial": "personal data"})
