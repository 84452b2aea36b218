"""Records that are altered behind the triggers, and what `loan-default verify` finds of it."""
