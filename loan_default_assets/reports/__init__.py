"""Plots and the model card, drawn from figures computed elsewhere; nothing is measured here."""
