"""Tests of the container deployment: the compose file, its scripts, and a platform started from it."""
