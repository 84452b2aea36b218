"""Tests of `portfolio.checks`."""
