"""The HTTP transport: what every request passes, the routes that are only read, and the JSON of a response."""
