"""The bank, its model and its database of the service's tests."""

from loan_default_assets_tests.bento.conftest import fitted, make_bank, portfolio_file

__all__ = ["fitted", "make_bank", "portfolio_file"]
