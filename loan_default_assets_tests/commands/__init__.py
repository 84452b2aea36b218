"""The verbs of `loan-default`, as a user runs them."""
