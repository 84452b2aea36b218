"""Tests of the portfolio room: descriptions, checks, features, sources and the generator."""
