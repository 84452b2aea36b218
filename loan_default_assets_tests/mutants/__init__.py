"""Planted faults, each of which breaks a promise that a test must notice."""
