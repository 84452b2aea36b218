"""Tests of `loan_default_assets.orchestration.ui`."""
