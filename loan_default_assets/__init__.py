"""The asset graph from a bank's loans to a judged default model; the service itself lives in `bento`."""
