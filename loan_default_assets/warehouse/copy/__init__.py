"""Rows into and out of PostgreSQL by COPY; see docs/decisions/copy-formats.md."""
