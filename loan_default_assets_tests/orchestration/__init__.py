"""Tests of sensors, automation conditions and run tracking, with a real database and a real daemon."""
