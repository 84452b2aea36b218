"""Portfolio files: locating one, reading its YAML strictly, and errors that name the file and the key path."""

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from loan_default_assets.portfolio.errors import PortfolioError, did_you_mean
from loan_default_assets.portfolio.file_format import file_format
from loan_default_assets.portfolio.source_options import LAYOUT_KEYS
from loan_default_assets.portfolio.yaml_bounds import require_bounded

Model = TypeVar("Model", bound=BaseModel)
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
MOST_BYTES = 8 << 20
_LIBRARY = resources.files("loan_default_assets.portfolio") / "library"


class _Loader(yaml.SafeLoader):
    """YAML with fewer guesses: only true and false are booleans (ON is a province), and 01 is a code.

    A duplicate key is an error.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        earlier: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in earlier:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given twice", key_node.start_mark
                )
            earlier.add(key)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, rule) for tag, rule in rules if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:int")
    ]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)


def library_names() -> tuple[str, ...]:
    """Names of the portfolios that come with the project."""
    return tuple(sorted(f.name.removesuffix(".yaml") for f in _LIBRARY.iterdir() if f.name.endswith(".yaml")))


def portfolio_path(name_or_path: str) -> Path:
    """The file of a portfolio: of the library, or a user's."""
    if name_or_path in library_names():
        return Path(str(_LIBRARY / f"{name_or_path}.yaml"))
    return Path(name_or_path).expanduser()


def load_text(text: str) -> Any:
    """The document in a portfolio file's text.

    Raises:
        yaml.YAMLError: The text is no YAML, gives a key twice, or exceeds a bound of `yaml_bounds`.
    """
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        require_bounded(root)
        return None if root is None else loader.construct_document(root)
    except RecursionError:
        problem = "nested too deeply"
    except (ValueError, TypeError, OverflowError) as error:
        # PyYAML passes on what Python says of 2024-13-45 or of a list as a key.
        problem = f"a key or value is not possible ({type(error).__name__})"
    finally:
        loader.dispose()
    raise yaml.constructor.ConstructorError(None, None, problem, loader.get_mark())


def load_validated(model: type[Model], name_or_path: str, source: str | None) -> Model:
    """Read a portfolio file and validate it as `model`; arguments and errors are those of `spec.load`."""
    text, location, folder = _read_yaml(name_or_path)
    try:
        spec = load_text(text)
    except yaml.YAMLError as error:
        raise PortfolioError(f"{location}: not readable as YAML: {_reason(error)}") from None
    if not isinstance(spec, dict):
        raise PortfolioError(f"{location}: a portfolio is a mapping with name, source, label and columns")
    if isinstance(spec.get("source"), dict):
        spec["source"] = _resolve_source(spec["source"], source, folder, location)
    try:
        return model.model_validate(spec)
    except ValidationError as error:
        lines = [line for problem in error.errors() for line in _error_lines(problem, model)]
        raise PortfolioError("\n".join(f"{location}: {line}" for line in lines)) from None


def _reason(error: yaml.YAMLError) -> str:
    """Problem and line of an error, without its excerpt: the file may be one of loans that was given by mistake."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return type(error).__name__
    mark = error.problem_mark
    problem = re.sub(r"'([^']*)'", _shown_token, error.problem or type(error).__name__)
    return f"{problem}, line {mark.line + 1}, column {mark.column + 1}"


def _shown_token(quoted: re.Match[str]) -> str:
    """A key, a mark of YAML or a single character; any other text may be a cell."""
    token = quoted[1]
    return quoted[0] if len(token) < 2 or re.fullmatch(r"[a-z_]+|<[a-z ]+>", token) else "'...'"


def _read_yaml(name_or_path: str) -> tuple[str, str, Path]:
    """The YAML text, its location for messages, and the folder that its relative paths are resolved against."""
    if name_or_path in library_names():
        entry = _LIBRARY / f"{name_or_path}.yaml"
        return entry.read_text("utf-8"), f"{name_or_path}.yaml", Path.cwd()
    path = Path(name_or_path).expanduser()
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PortfolioError(f"{path}: larger than {MOST_BYTES >> 20} MB, so it is no portfolio file")
        return path.read_text("utf-8-sig"), str(path), path.resolve().parent
    except FileNotFoundError:
        hint = did_you_mean(name_or_path, library_names())
        raise PortfolioError(
            f"portfolio {name_or_path!r} is neither a file nor in the library{hint} "
            "(to draft one from a file of loans: loan-default init FILE)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PortfolioError(f"{path}: not readable as UTF-8 text: {error}") from None


def _resolve_source(spec: dict[str, Any], source: str | None, folder: Path, location: str) -> dict[str, Any]:
    """The `source` mapping with placeholders filled from the given source and with an absolute path."""
    has_placeholder = any(isinstance(v, str) and PLACEHOLDER.search(v) for v in spec.values())
    if source is not None and not has_placeholder:
        spec = _replace_source(spec, source, location)
    elif source is not None:
        spec = {k: PLACEHOLDER.sub(lambda _: source, v) if isinstance(v, str) else v for k, v in spec.items()}
        if "path" in spec and "://" not in source:
            spec = _of_kind(spec, file_format(source))
    if isinstance(spec.get("path"), str) and not PLACEHOLDER.search(spec["path"]):
        base = Path.cwd() if source is not None else folder
        spec = spec | {"path": str((base / Path(spec["path"]).expanduser()).resolve())}
    return spec


def _replace_source(spec: dict[str, Any], source: str, location: str) -> dict[str, Any]:
    if "://" not in source:
        kept = {key: spec[key] for key in ("kind", *LAYOUT_KEYS) if key in spec}
        return _of_kind(kept, file_format(source)) | {"path": source}
    if not spec.get("query"):
        raise PortfolioError(
            f"{location}: source.query: needed to read {source.split('://')[0]}://...; write the SELECT there"
        )
    kept = {key: spec[key] for key in ("query", "watermark") if key in spec}
    return {"kind": "sql", "url": source} | kept


def _of_kind(spec: dict[str, Any], kind: str) -> dict[str, Any]:
    """The `source` mapping for a file of a kind; the layout of a file of another kind is omitted."""
    # A delimiter is kept for the day the file is text again: no other kind reads it.
    other = () if spec.get("kind", kind) == kind else tuple(k for k in LAYOUT_KEYS if k != "delimiter")
    return {key: value for key, value in spec.items() if key not in other} | {"kind": kind}


def _error_lines(problem: Any, model: type[BaseModel]) -> Iterator[str]:
    """One pydantic error as `key.path: message`; an error of the whole portfolio carries its own key paths."""
    path = [str(part) for part in problem["loc"] if part != "[key]"]
    key_path = ".".join(path)
    if problem["type"] == "extra_forbidden":
        yield f"{key_path}: not a key of a portfolio{did_you_mean(path[-1], _allowed_keys(model, path[:-1]))}"
    elif problem["type"] == "missing":
        yield f"{key_path}: missing"
    else:
        message = str(problem.get("ctx", {}).get("error") or problem["msg"])
        for line in message.splitlines():
            yield f"{key_path}: {line}" if key_path else line


def _allowed_keys(model: type[BaseModel], path: list[str]) -> list[str]:
    """Fields of the model at `path` below `model`; a key of a dictionary of models is skipped."""
    for part in path:
        if field := model.model_fields.get(part):
            inner = [t for t in (field.annotation, *get_args(field.annotation)) if isinstance(t, type)]
            model = next((t for t in inner if issubclass(t, BaseModel)), model)
    return list(model.model_fields)
