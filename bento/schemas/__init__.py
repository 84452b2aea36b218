"""Request and response types, parsing of requests, and the errors of the service."""
