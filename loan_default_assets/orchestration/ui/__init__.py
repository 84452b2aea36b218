"""Dagster's UI behind its access rules; see docs/decisions/dagster-ui-access.md."""
