"""The cost per row of every stage as the rows grow, and the page about it."""
