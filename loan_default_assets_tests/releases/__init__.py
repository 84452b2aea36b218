"""The state that earlier releases left, opened by this one; a folder per release holds what its code wrote.

`database.sql.gz` is a dump of every schema, with `{HOME}` for the home folder; all loans are generated.
"""
