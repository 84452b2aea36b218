"""Tests of `portfolio.profiling`."""
