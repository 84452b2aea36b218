"""What the columns of a file hold, and the first portfolio drafted from it."""
