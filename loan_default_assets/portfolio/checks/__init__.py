"""Pandera schemas derived from a portfolio, and the violations that they report."""
