"""Rows of one partition, written as the pipeline writes those of several."""

import numpy as np
import pandas as pd

from loan_default_assets.warehouse.copy.loan_rows import LoanRows
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.partition_writes import Replaced


def replace_raw(loans: Loans, key: str, frame: pd.DataFrame) -> Replaced:
    """Replace all raw rows of the partition."""
    of = pd.Categorical.from_codes(np.zeros(len(frame), np.int8), [key])
    [replaced] = loans.replace_raw_partitions([key], [(of, frame)])
    return replaced


def replace_processed(loans: Loans, key: str, rows: LoanRows) -> Replaced:
    """Replace all processed rows of the partition."""
    [replaced] = loans.replace_processed_partitions([key], [rows])
    return replaced
