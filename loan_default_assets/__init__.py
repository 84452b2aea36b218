"""The asset graph that turns a bank's loans into a judged, served default model; the service itself lives in `bento`."""
