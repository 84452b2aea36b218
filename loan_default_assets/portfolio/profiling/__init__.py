"""Profiles of the columns of a file, and the first portfolio drafted from them."""
