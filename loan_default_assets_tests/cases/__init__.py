"""Files as people have them, each taken through `init`, `run`, `score`, a SQL source and the service's requests."""
