"""The asset graph from a bank's loans to an evaluated model of loan default; the service is in `bento`."""
