"""Recorded decisions: their features opened and scored again by the model that decided, explained, and corrected."""
