"""The gRPC transport: server, interceptor, health service, and conversion of messages."""
