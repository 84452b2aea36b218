"""The policy held to account: tables of cases, and a small world in which the rule has to live."""
