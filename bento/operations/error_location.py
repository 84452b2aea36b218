"""How an unexpected error is written down: its text may quote a request, so only its kind and place are."""


def place(error: BaseException) -> str:
    """Kind, file and line of an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
    return f"{type(error).__name__} at {where}"
