"""Banks whose records were written by the project itself."""

from loan_default_assets_tests.verification.recorded_bank import original_bank, recorded_bank

__all__ = ["original_bank", "recorded_bank"]
