"""The way of a prediction into the table `predictions`: spool, records, and the thread that ships them."""
