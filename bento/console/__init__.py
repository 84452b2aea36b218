"""The console: pages for people at the service's root, in English and Korean, rendered by the service."""
