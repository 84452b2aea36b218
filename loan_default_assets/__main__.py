"""`python -m loan_default_assets` is `loan-default`."""

from loan_default_assets.cli import main

main()
