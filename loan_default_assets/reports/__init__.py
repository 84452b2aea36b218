"""Plots and reports for readers; the figures are computed elsewhere."""
