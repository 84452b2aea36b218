"""Arithmetic of derived columns over columns of the same row: parsed into closures, never evaluated as code."""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]
Compute = Callable[[Values], Any]

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True)
class Expression:
    """A parsed derived column.

    Attributes:
        names: The columns it uses.
        compute: From float64 arrays by column name to one array; a division by zero gives inf or NaN.
    """

    names: tuple[str, ...]
    compute: Compute


def parse(text: str) -> Expression:
    """Parse + - * /, unary minus, column names, finite numbers and parentheses.

    Raises:
        ValueError: Anything else is in `text`; the message names it.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ValueError(f"{text!r} is not arithmetic over columns") from error
    names: dict[str, None] = {}
    try:
        compute = _build(tree.body, text, names)
    except RecursionError as error:
        raise ValueError("the expression is nested too deeply") from error
    if not names:
        raise ValueError(f"{text!r} names no column")
    return Expression(tuple(names), compute)


def _build(node: ast.expr, text: str, names: dict[str, None]) -> Compute:
    match node:
        case ast.Name(id=name):
            names[name] = None
            return operator.itemgetter(name)
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            constant = float(number)
            return lambda _: constant
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _build(operand, text, names)
            return lambda values: -inner(values)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            apply, first, second = (
                _OPERATORS[type(op)],
                _build(left, text, names),
                _build(right, text, names),
            )
            return lambda values: apply(first(values), second(values))
    part = ast.get_source_segment(text.strip(), node) or text
    raise ValueError(f"{part!r} is not allowed: only + - * /, numbers, parentheses and column names are")
