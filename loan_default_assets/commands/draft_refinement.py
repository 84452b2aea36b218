"""What the outcome of the training rows says about a draft: codes with an order, and shares of amounts."""

from collections.abc import Container
from dataclasses import replace
from keyword import iskeyword

import numpy as np
import pandas as pd

from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.profiling.code_columns import is_nominal
from loan_default_assets.portfolio.profiling.column_role import ColumnRole
from loan_default_assets.portfolio.profiling.file_account import FileAccount, drafted_portfolio
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftedRatio, PortfolioDraft


def with_ordered_codes(draft: PortfolioDraft, account: FileAccount) -> tuple[PortfolioDraft, FileAccount]:
    """The draft with codes as numbers where the default rate follows their order, and the account with them so."""
    from loan_default_assets.model.feature_evidence import codes_are_ordered

    frame = training_rows(draft, account)
    outcome = frame["label"].to_numpy() == 1
    found: dict[str, pd.Series] = {}
    roles = list[ColumnRole]()
    for role in draft.roles:
        if _has_whole_codes(role) and codes_are_ordered(_numbers(frame[role.name]).to_numpy(), outcome):
            found[role.name] = _numbers(account.sample[role.name])
            role = _as_number(role)
        roles.append(role)
    if not found:
        return draft, account
    return replace(draft, roles=tuple(roles)), replace(account, sample=account.sample.assign(**found))


def with_telling_shares(draft: PortfolioDraft, account: FileAccount) -> PortfolioDraft:
    """The draft with shares of two amounts that tell more than either amount."""
    from loan_default_assets.model.feature_evidence import telling_shares

    p, frame = drafted_portfolio(draft), training_rows(draft, account)
    names = [
        name for name in p.features.numerical if p.columns[name].kind == "number" and _may_be_named(name)
    ]
    found = transform(p, frame, frame["as_of"].to_numpy().astype("datetime64[D]")).numerical
    amounts = found[:, [p.features.numerical.index(name) for name in names]]
    derived = []
    for share in telling_shares(amounts, frame["label"].to_numpy() == 1):
        part, whole = names[share.part], names[share.whole]
        reason = (
            f"{part} is a part of {whole}; ROC-AUC {share.roc_auc:.3f} alone, {share.roc_auc_of_amounts:.3f} at most "
            "of the two"
        )
        derived.append(DraftedRatio(_new_name(part, whole, p.columns), f"{part} / {whole}", reason))
    return replace(draft, derived=tuple(derived))


def without_ratios(draft: PortfolioDraft, names: Container[str]) -> PortfolioDraft:
    """The draft without some of its ratios."""
    return replace(draft, derived=tuple(ratio for ratio in draft.derived if ratio.name not in names))


def training_rows(draft: PortfolioDraft, account: FileAccount) -> pd.DataFrame:
    """The sampled rows that training would use, one per loan and outcome: evaluation must not shape the draft."""
    from loan_default_assets.model.splits import one_row_per_loan, split

    frame = account.sample
    label = frame["label"].fillna(-1).to_numpy().astype(np.int8)
    as_of = frame["as_of"].to_numpy().astype("datetime64[D]")
    usable = (label >= 0) & ~(np.isnat(as_of) if draft.as_of else np.zeros(len(frame), bool))
    frame, label, as_of = frame[usable], label[usable], as_of[usable]
    loan_id = frame["loan_id"].fillna("").to_numpy()
    observed = np.full(len(frame), np.datetime64("NaT", "D"))
    train = split(as_of, loan_id, label, observed, None).train
    return frame.iloc[train[one_row_per_loan(loan_id[train], label[train])]]


def _has_whole_codes(role: ColumnRole) -> bool:
    values = role.keys.get("values", ())
    return (
        role.use == "feature"
        and role.kind == "category"
        and all(isinstance(value, int) for value in values)
        and not is_nominal(role.source_name)
    )


def _as_number(role: ColumnRole) -> ColumnRole:
    keys = {key: value for key, value in role.keys.items() if key != "values"}
    values = role.keys["values"]
    remark = f"codes {min(values)} to {max(values)}, whose order the default rate follows"
    return replace(role, kind="number", keys=keys, remarks=(remark,))


def _numbers(codes: pd.Series) -> pd.Series:
    return pd.to_numeric(codes.astype(object), errors="coerce").astype(np.float64)


def _may_be_named(name: str) -> bool:
    return name.isidentifier() and not iskeyword(name)


def _new_name(part: str, whole: str, taken: Container[str]) -> str:
    name = f"{part[:24]}_of_{whole[:24]}"
    while name in taken:
        name += "_"
    return name
