"""Tests of `warehouse.embedded`."""
