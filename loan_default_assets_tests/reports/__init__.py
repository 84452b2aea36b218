"""Tests of the figures that reports are made of, and of what renders them."""
