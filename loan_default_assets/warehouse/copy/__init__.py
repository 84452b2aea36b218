"""Rows into and out of PostgreSQL by COPY, as CSV and in the binary format."""
