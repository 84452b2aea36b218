"""The asset graph, one module per asset: its definition around one function of the pipeline."""
