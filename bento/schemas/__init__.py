"""What a request and a response hold, as types, checks, problems and the OpenAPI document."""
