"""Banks whose records were written by the project itself."""

from loan_default_assets_tests.verification.chained_bank import chained, chained_bank
from loan_default_assets_tests.verification.recorded_bank import recorded_bank

__all__ = ["chained", "chained_bank", "recorded_bank"]
