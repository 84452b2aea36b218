"""What the project is made of and may contain: licences, pinned dependencies, threats and the tests that guard them."""
