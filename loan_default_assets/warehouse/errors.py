"""The room's base error; every other one derives from it."""


class WarehouseError(Exception):
    """PostgreSQL could not do what was asked; the message says what, where and the next command.

    It never quotes a value of a row.
    """
