"""Who may call what, and how often: API keys, roles, permissions and the rate limit."""
