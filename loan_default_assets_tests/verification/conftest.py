"""Banks whose records were written by the project itself."""

from loan_default_assets_tests.verification.recorded_bank import recorded_bank

__all__ = ["recorded_bank"]
