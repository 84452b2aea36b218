"""The gRPC transport: its server, what every call passes, and the conversion of messages."""
