"""The warehouse against a real PostgreSQL server; nothing of it is mocked."""
