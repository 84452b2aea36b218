"""`key-id`: under which name the records show what was done with an API key."""

from bento.access.api_keys import SHORTEST_KEY, key_id
from loan_default_assets.commands.command_errors import CommandError


def recorded_name(key: str) -> str:
    """The name of a key in the records.

    Raises:
        CommandError: It is too short for a key.
    """
    if len(key.strip()) < SHORTEST_KEY:
        raise CommandError(
            f"a key has at least {SHORTEST_KEY} characters\nNext: loan-default key-id, with a whole key"
        )
    return f"key:{key_id(key.strip())}"
