"""Tests of `warehouse.copy`."""
