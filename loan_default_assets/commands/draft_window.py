"""Whether the loans of a draft suffice for a verdict on a model: the window that `run` would take, and its defaults."""

import numpy as np

from loan_default_assets.model.split_bounds import SplitLimits
from loan_default_assets.portfolio.profiling.file_account import FileAccount
from loan_default_assets.portfolio.profiling.portfolio_draft import PortfolioDraft

# With fewer loans of one outcome the interval of any figure is too wide to tell a model from chance.
FEWEST_OF_AN_OUTCOME = 30


def too_few_for_a_verdict(
    draft: PortfolioDraft, account: FileAccount, required: SplitLimits
) -> tuple[str, ...]:
    """What to decide where the newest loans with a final outcome are fewer than a verdict requires.

    Args:
        draft: A draft with its calendar and horizon.
        account: The account of its file; of a large one, the sample stands for all loans.
        required: The rows and defaults that a verdict requires.
    """
    from loan_default_assets.model.splits import split

    frame = account.sample
    as_of = frame["as_of"].to_numpy().astype("datetime64[D]")
    if draft.as_of:
        frame, as_of = frame[~np.isnat(as_of)], as_of[~np.isnat(as_of)]
    label = frame["label"].fillna(-1).to_numpy().astype(np.int8)
    days = draft.horizon.days if draft.horizon else 0
    stride = max(1, account.rows // max(len(account.sample), 1))
    limits = SplitLimits(-(-required.min_rows // stride), -(-required.min_positives // stride))
    cutoff = draft.calendar.cutoff if draft.calendar else None
    found = split(as_of, frame["loan_id"].fillna("").to_numpy(), label, as_of + days, cutoff, limits)
    fitted = np.concatenate([found.train, found.validation])
    rows, defaults = stride * len(found.window), stride * int((label[found.window] == 1).sum())
    chance = min(defaults, rows - defaults) < FEWEST_OF_AN_OUTCOME
    short = rows < required.min_rows or defaults < required.min_positives
    # Where no loan has a final outcome yet, the question about the horizon says so.
    if not (chance or short) or (draft.as_of and not rows):
        return ()
    span = f" of {found.window_from} to {found.window_to}" if found.window_from else ""
    young = (
        "; where newer loans have no default yet because they are young: a larger --horizon-days"
        if draft.as_of
        else ""
    )
    consequence = (
        "too few of one outcome to tell a model from chance"
        if chance
        else "a first model can serve provisionally, but none is approved"
    )
    return (
        f"evaluation: `run` would evaluate on {rows:,} loans{span}, {defaults:,} of them defaults, and fit on "
        f"{stride * len(fitted):,} with {stride * int((label[fitted] == 1).sum()):,}: {consequence}. "
        f"A verdict requires {required.min_rows:,} loans, {required.min_positives:,} of them "
        "defaults (see `loan-default status` after the run). Add loans whose outcome is final, such as those of "
        f"earlier years{young}.",
    )
