"""Tests that no applicant's value leaves the tables."""
