"""Rows into and out of PostgreSQL by COPY, as CSV and in binary format; see docs/decisions/copy-formats.md."""
