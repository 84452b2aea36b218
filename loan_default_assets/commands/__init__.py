"""What each verb of `loan-default` does, without the parsing of its arguments; the rules it applies live elsewhere."""
