"""The description of an unexpected error for the log: its text may quote a request, so only kind and location."""


def error_location(error: BaseException) -> str:
    """Kind, file and line of an error.

    >>> error_location(ValueError("Kim"))
    'ValueError at ?'
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    location = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
    return f"{type(error).__name__} at {location}"
