"""Edits of the `training` key in the text of a portfolio file; all other text, comments included, stays."""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.yaml_loader import load_text, portfolio_path

KEY = "training"


def read_file(name_or_path: str) -> tuple[Path, str]:
    """A portfolio's file and its text, with its own ends of lines.

    Raises:
        PortfolioError: There is no such portfolio, or the file cannot be read as text.
    """
    path = portfolio_path(name_or_path)
    try:
        return path, path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PortfolioError(f"{path}: not readable as UTF-8 text: {error}") from None


def edit(text: str, changes: Mapping[str, Any]) -> str:
    """The text of a portfolio file with some settings of its `training` changed or added.

    Args:
        text: The file, ends of lines as they are.
        changes: Settings by name.

    Raises:
        PortfolioError: The key is written in a way that cannot be edited, such as a YAML alias.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    before = load_text(text)
    edited = _edited(text, changes, newline)
    expected = before | {KEY: dict(before.get(KEY) or {}) | dict(changes)}
    try:
        arrived = edited is not None and load_text(edited) == expected
    except yaml.YAMLError:
        arrived = False
    if edited is None or not arrived:
        wanted = ", ".join(f"{name}: {_scalar(value)}" for name, value in changes.items())
        raise PortfolioError(f"{KEY}: cannot be edited as it is written; set these by hand: {wanted}")
    return edited


def difference(path: str, before: str, after: str) -> str:
    """A unified diff of a portfolio file, with one line of context; empty where nothing differs."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), path, path, n=1, lineterm="")
    return "\n".join(lines)


def _edited(text: str, changes: Mapping[str, Any], newline: str) -> str | None:
    root = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        return None
    found = next(((key, value) for key, value in root.value if key.value == KEY), None)
    if found is None:
        body = text if text.endswith("\n") or not text else text + newline
        lines = [f"{KEY}:", *(f"  {name}: {_scalar(value)}" for name, value in changes.items())]
        return body + newline.join(lines) + newline
    key, block = found
    # An alias stands elsewhere: before its key.
    if not isinstance(block, yaml.MappingNode) or block.start_mark.index < key.end_mark.index:
        return None
    present = {name.value: value for name, value in block.value}
    replaced = [(present[name], _scalar(value)) for name, value in changes.items() if name in present]
    added = [f"{name}: {_scalar(value)}" for name, value in changes.items() if name not in present]
    edits = [(node.start_mark.index, node.end_mark.index, scalar) for node, scalar in replaced]
    if added:
        edits.append(_insertion(text, block, added, newline))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _insertion(text: str, block: yaml.MappingNode, added: list[str], newline: str) -> tuple[int, int, str]:
    """Where settings are added to a mapping, and the text: behind its last value."""
    if not block.value:
        return block.start_mark.index, block.end_mark.index, "{" + ", ".join(added) + "}"
    last = block.value[-1][1].end_mark.index
    if block.flow_style:
        return last, last, "".join(f", {line}" for line in added)
    end_of_line = text.find("\n", last)
    # A comment on the last line stays there.
    end = len(text) if end_of_line < 0 else end_of_line - (newline == "\r\n")
    indent = " " * block.value[0][0].start_mark.column
    return end, end, "".join(f"{newline}{indent}{line}" for line in added)


def _scalar(value: Any) -> str:
    """A number, true, false, or a quoted text; 1e-05 would be read as a text."""
    if isinstance(value, float):
        text = repr(value)
        mantissa, _, exponent = text.partition("e")
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}" if exponent else text
    return json.dumps(value)
