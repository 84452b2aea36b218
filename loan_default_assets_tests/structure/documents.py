"""Headings, code blocks, tables and commands of a Markdown document."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def section(document: str, heading: str = "") -> str:
    """A document, or its text from a heading to the next one of the same rank or above."""
    text = "\n" + (ROOT / "docs" / document).read_text("utf-8")
    if not heading:
        return text
    rank = len(heading) - len(heading.lstrip("#"))
    _, _, after = text.partition(f"\n{heading}\n")
    assert after, f"{document} has no {heading!r}"
    return re.split(rf"\n#{{1,{rank}}} ", after)[0]


def code_blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of every fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    """The document without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[str]:
    """The marks of the headings: `#`, `##` and so on, in order."""
    return re.findall(r"^(#+) ", prose(text), re.MULTILINE)


def tables(text: str) -> list[tuple[int, int]]:
    """Rows and columns of every table."""
    found = []
    for table in re.findall(r"(?:^\|.*\n)+", prose(text), re.MULTILINE):
        lines = table.splitlines()
        found.append((len(lines), len(re.findall(r"(?<!\\)\|", lines[0])) - 1))
    return found


def figures(text: str) -> list[str]:
    """Every cell of a table that is a number."""
    return re.findall(r"(?<=\| )[\d.,]+(?= \|)", prose(text))


def commands(text: str) -> list[list[str]]:
    """The arguments of every `loan-default` in a block or between backticks, without the program."""
    blocks = "\n".join(content for _, content in code_blocks(text)).replace("\\\n", " ")
    lines = re.findall(r"(?:^|\s)loan-default ([a-z][^\n|>&]*)", blocks, re.MULTILINE)
    lines += re.findall(r"`loan-default ([a-z][^`|]*)`", prose(text))
    return [shlex.split(line, comments=True) for line in lines]
