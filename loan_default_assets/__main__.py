"""`python -m loan_default_assets` is `loan-default`; what the console script starts."""

from loan_default_assets.garbage import collect_rarely
from loan_default_assets.interrupts import stop_at_once


def main() -> None:
    """Run the command."""
    stop_at_once()
    collect_rarely()
    from loan_default_assets import cli

    cli.main()


if __name__ == "__main__":
    main()
