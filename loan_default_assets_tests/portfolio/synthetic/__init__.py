"""Tests of `portfolio.synthetic`."""
