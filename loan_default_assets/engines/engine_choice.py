"""The engine that the setting ENGINE names."""

from importlib.util import find_spec

from loan_default_assets.engines.task_engine import LOCAL, EngineError, TaskEngine


def engine_of(name: str) -> TaskEngine:
    """The engine of the setting ENGINE; it connects when it gets its first call.

    Args:
        name: `local`, `ray`, or `ray://host:port`.

    Raises:
        EngineError: Ray is not installed.

    Examples:
        >>> engine_of("local").workers()
        1
    """
    if name == "local":
        return LOCAL
    if find_spec("ray") is None:
        raise EngineError(
            f"ENGINE={name} needs Ray, which is not installed\n"
            "Next: pip install 'loan-default-assets[ray]', or ENGINE=local"
        )
    from loan_default_assets.engines.ray_engine import RayEngine

    return RayEngine(None if name == "ray" else name)
