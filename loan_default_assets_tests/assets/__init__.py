"""The graph on a real database: what it stores, what it refuses, and that repeating it changes nothing."""
