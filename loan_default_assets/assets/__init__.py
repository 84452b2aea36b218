"""The graph, one file an asset, each a thin hand between the other rooms; no arithmetic and no SQL."""
