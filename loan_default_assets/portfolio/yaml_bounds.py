"""Bounds of a YAML document before anything is made of it: depth, size with its aliases, and no reference to itself."""

import yaml

MOST_DEPTH = 40
MOST_VALUES = 500_000


def require_bounded(root: yaml.Node | None) -> None:
    """Refuse a document that a few lines could let grow without bound.

    Raises:
        yaml.YAMLError: It is nested too deeply, refers to itself, or its aliases stand for too many values.
    """
    if root is not None:
        _values(root, {}, set(), 0)


def _values(node: yaml.Node, counted: dict[int, int], open_nodes: set[int], depth: int) -> int:
    """The number of values in a node, those behind aliases included."""
    if depth > MOST_DEPTH:
        raise _error(f"nested more than {MOST_DEPTH} levels deep", node)
    if id(node) in open_nodes:
        raise _error("an alias refers to what contains it", node)
    if id(node) not in counted:
        open_nodes.add(id(node))
        counted[id(node)] = 1 + sum(
            _values(child, counted, open_nodes, depth + 1) for child in _children(node)
        )
        open_nodes.remove(id(node))
    if counted[id(node)] > MOST_VALUES:
        raise _error(f"stands for more than {MOST_VALUES} values", node)
    return counted[id(node)]


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _error(problem: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
