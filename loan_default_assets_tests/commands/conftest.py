"""The release that the tests of backups and restores share."""

from loan_default_assets_tests.commands.backed_up_release import (
    archive,
    empty,
    former,
    occupied,
    plain_environment,
)

__all__ = ["archive", "empty", "former", "occupied", "plain_environment"]
