"""What the tests of the console read of a page: elements with attributes, and its text."""

from html.parser import HTMLParser

VOID = {"meta", "input", "link", "br"}


class HtmlDocument(HTMLParser):
    """A page. Every element that is opened must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, *tags: str) -> list[dict[str, str]]:
        """The attributes of the elements with these tags."""
        return [attributes for tag, attributes in self.elements if tag in tags]

    def values(self, name: str) -> list[str]:
        """The values of an attribute of all elements."""
        return [attributes[name] for _, attributes in self.elements if name in attributes]
