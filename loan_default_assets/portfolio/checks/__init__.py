"""Pandera schemas derived from a portfolio, and what they found wrong."""
