"""The rows of a partition: from a file or a query to typed columns."""
