"""Figures of a model as frozen dataclasses, computed from arrays; what renders them lives beside this package."""
