"""The service that answers loan decisions over HTTP and gRPC; it never imports the asset graph."""
