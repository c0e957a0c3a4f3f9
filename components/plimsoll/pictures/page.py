"""A standalone page: a title, headed blocks, one style sheet, nothing fetched."""

from plimsoll.pictures.markup import Html, element, escaped, joined
from plimsoll.pictures.theme import stylesheet

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Page:
    """A page that is built block by block and opens offline.

    Args:
        title: The heading; escaped.
        lede: One or two sentences below it; escaped unless ``Html``.
    """

    def __init__(self, title: str, lede: str = "") -> None:
        self.title = title
        self.lede = lede
        self._blocks: list[Html] = []

    def add(self, heading: str, body_html: str, note: str = "") -> None:
        """Adds a block in a panel.

        Args:
            heading: Escaped; left out if empty.
            body_html: Markup, made by the functions of ``charts`` and ``tables``.
            note: What to look for, in a sentence or two; escaped unless ``Html``.
        """
        self._blocks.append(block(heading, element("div", Html(body_html), class_="panel"), note))

    def add_bare(self, heading: str, body_html: str, note: str = "") -> None:
        """Adds a block without a panel around it: for cards, notices and wide tables."""
        body = element("div", Html(body_html), style="margin-top:12px")
        self._blocks.append(block(heading, body, note))

    def html(self) -> str:
        """Returns the whole document."""
        heading = [element("h1", self.title)]
        if self.lede:
            heading.append(element("p", self.lede, class_="lede"))
        header = element("header", joined(heading))
        return document(self.title, element("main", joined([header, *self._blocks])))


def block(heading: str, body: Html, note: str = "") -> Html:
    """Returns a section with a heading, a note below it, and its body."""
    parts: list[Html] = []
    if heading:
        parts.append(element("h2", heading))
    if note:
        parts.append(element("p", note, class_="note"))
    return element("section", joined([*parts, body]), class_="block")


def document(title: str, body: Html, *, policy: str = POLICY, style: str = "") -> str:
    """Returns a standalone HTML document whose policy forbids fetching anything.

    Args:
        title: Shown in the browser's tab; escaped.
        body: What the page holds.
        policy: The Content-Security-Policy.
        style: More style rules, written by the program, never taken from data.
    """
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escaped(policy)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escaped(title)}</title><style>{stylesheet()}{style}</style>"
    )
    opening = '<!doctype html>\n<html lang="en"><head>'
    return f'{opening}{head}</head>\n<body class="plimsoll-page">{body}</body></html>\n'
