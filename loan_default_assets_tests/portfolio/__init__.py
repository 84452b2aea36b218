"""Tests of `portfolio`: descriptions, checks, features, sources and the generator."""
