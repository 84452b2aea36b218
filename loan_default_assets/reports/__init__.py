"""Plots, drawn from figures computed elsewhere; nothing is measured here."""
