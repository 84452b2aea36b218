"""Who may use the service: API keys, roles, permissions, rate limits, and the checks before it starts."""
