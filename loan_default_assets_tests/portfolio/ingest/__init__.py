"""Tests of `portfolio.ingest`."""
