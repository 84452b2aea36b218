"""Measurements of speed as ratios within one run; they print a table and assert nothing about time."""
