"""The way of a prediction into the table `predictions`: record format, spool, shipper, and file locks."""
