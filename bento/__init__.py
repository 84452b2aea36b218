"""The prediction service over HTTP and gRPC. It never imports `assets` or `orchestration`."""
