"""Tests of the policies: tables of cases, and a simulated platform for property tests."""
