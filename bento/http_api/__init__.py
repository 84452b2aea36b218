"""The HTTP transport: middleware, read-only routes, and the JSON of a response."""
