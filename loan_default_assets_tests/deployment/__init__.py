"""The container deployment: the compose file as written, and a platform brought up from it."""
