"""What is written of an unexpected error: its text may quote a request, so only kinds and locations."""

import logging
import uuid

from bento.schemas.problems import INTERNAL, Problem
from loan_default_assets.error_outline import outline


def error_location(error: BaseException) -> str:
    """Kinds, files and lines of an error and of those behind it."""
    return outline(error)


def unexpected(logger: logging.Logger, name: str, error: Exception) -> Problem:
    """Log an error of a request, and return the response; both have the same id.

    Args:
        logger: The transport's logger.
        name: The route or method.
        error: What it raised.
    """
    number = uuid.uuid4().hex[:12]
    logger.error("%s failed: %s (error %s)", name, error_location(error), number)
    return INTERNAL.with_message(f"{INTERNAL.message} as error {number}")
