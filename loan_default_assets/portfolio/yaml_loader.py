"""Finding a portfolio file, reading its YAML strictly, and saying readably what is wrong in it."""

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from loan_default_assets.portfolio.errors import PortfolioError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
_LIBRARY = resources.files("loan_default_assets.portfolio") / "library"


class _Loader(yaml.SafeLoader):
    """YAML as people read it: only true and false are booleans (ON is a province), 01 is a code.

    A key given twice is an error.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
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


def library() -> tuple[str, ...]:
    """Names of the portfolios that come with the project."""
    return tuple(sorted(f.name.removesuffix(".yaml") for f in _LIBRARY.iterdir() if f.name.endswith(".yaml")))


def load_as(model: type[Model], name_or_path: str, source: str | None) -> Model:
    """See `spec.load`; `model` is the class that the YAML must fit."""
    text, where, folder = _text(name_or_path)
    try:
        spec = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with fewer guesses
    except yaml.YAMLError as error:
        raise PortfolioError(f"{where}: not readable as YAML: {error}") from error
    if not isinstance(spec, dict):
        raise PortfolioError(f"{where}: a portfolio is a mapping with name, source, label and columns")
    if isinstance(spec.get("source"), dict):
        spec["source"] = _sourced(spec["source"], source, folder, where)
    try:
        return model.model_validate(spec)
    except ValidationError as error:
        lines = [line for problem in error.errors() for line in _lines(problem, model)]
        raise PortfolioError("\n".join(f"{where}: {line}" for line in lines)) from None


def _text(name_or_path: str) -> tuple[str, str, Path]:
    """The YAML, what errors call it, and the folder that its relative paths start from."""
    if name_or_path in library():
        entry = _LIBRARY / f"{name_or_path}.yaml"
        return entry.read_text("utf-8"), f"{name_or_path}.yaml", Path.cwd()
    path = Path(name_or_path).expanduser()
    try:
        return path.read_text("utf-8-sig"), str(path), path.resolve().parent
    except FileNotFoundError:
        hint = did_you_mean(name_or_path, library())
        raise PortfolioError(
            f"portfolio {name_or_path!r} is neither a file nor in the library{hint} "
            "(a first one for your own file: loan-default init FILE)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PortfolioError(f"{path}: not readable as UTF-8 text: {error}") from error


def _sourced(spec: dict[str, Any], source: str | None, folder: Path, where: str) -> dict[str, Any]:
    placed = any(isinstance(v, str) and PLACEHOLDER.search(v) for v in spec.values())
    if source is not None and not placed:
        spec = _replaced(spec, source, where)
    elif source is not None:
        spec = {k: PLACEHOLDER.sub(lambda _: source, v) if isinstance(v, str) else v for k, v in spec.items()}
        if "path" in spec and "://" not in source:
            spec["kind"] = _file_kind(source)
    if isinstance(spec.get("path"), str) and not PLACEHOLDER.search(spec["path"]):
        base = Path.cwd() if source is not None else folder
        spec = spec | {"path": str((base / Path(spec["path"]).expanduser()).resolve())}
    return spec


def _replaced(spec: dict[str, Any], source: str, where: str) -> dict[str, Any]:
    if "://" not in source:
        kept = {"delimiter": spec["delimiter"]} if "delimiter" in spec else {}
        return {"kind": _file_kind(source), "path": source, **kept}
    if not spec.get("query"):
        raise PortfolioError(
            f"{where}: source.query: needed to read {source.split('://')[0]}://...; write the SELECT there"
        )
    return {"kind": "sql", "url": source, "query": spec["query"]}


def _file_kind(path: str) -> str:
    return "parquet" if path.lower().endswith((".parquet", ".pq")) else "csv"


def _lines(problem: Any, model: type[BaseModel]) -> Iterator[str]:
    """One pydantic error as `key.path: what is wrong`; an error of the whole carries its own key paths."""
    path = [str(part) for part in problem["loc"] if part != "[key]"]
    where = ".".join(path)
    if problem["type"] == "extra_forbidden":
        yield f"{where}: not a key of a portfolio{did_you_mean(path[-1], _keys(model, path[:-1]))}"
    elif problem["type"] == "missing":
        yield f"{where}: missing"
    else:
        message = str(problem.get("ctx", {}).get("error") or problem["msg"])
        for line in message.splitlines():
            yield f"{where}: {line}" if where else line


def _keys(model: type[BaseModel], path: list[str]) -> list[str]:
    """Fields of the model at `path` below `model`; a name in a dictionary of models is stepped over."""
    for part in path:
        if field := model.model_fields.get(part):
            inner = [t for t in (field.annotation, *get_args(field.annotation)) if isinstance(t, type)]
            model = next((t for t in inner if issubclass(t, BaseModel)), model)
    return list(model.model_fields)
