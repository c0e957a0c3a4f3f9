"""Puts components' HTML artifacts into the report, where they can be seen but run nothing.

Each lies in a sandboxed frame without scripts, and the report's policy lets nothing be fetched.
The report's own script, allowed by its hash, does one thing: it makes a frame as high as its page.
"""

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from plimsoll.pictures.markup import Html, element, joined

MOST_OPEN = 3
LARGEST_BYTES = 3 << 20
MOST_BYTES = 16 << 20

SCRIPT = Path(__file__).with_name("frames.js").read_text("utf-8")
_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    f"media-src data:; script-src 'sha256-{_HASH}'; form-action 'none'; base-uri 'none'"
)
# A page of ours loses the frame around it; those of others are shown as they are.
_SHOWN_INSIDE = (
    "<style>.plimsoll-page>main{padding:18px 20px 24px;max-width:none}"
    ".plimsoll-page h1{font-size:18px}.plimsoll-page h2{font-size:15px}"
    ".plimsoll-page .lede{font-size:14px;margin-top:2px}"
    "@media(max-width:600px){.plimsoll-page>main{padding:12px 10px 16px}}</style>"
)


@dataclass(kw_only=True)
class Frames:
    """Turns artifacts' pages into frames, and counts what the report has taken in."""

    folder: Path
    """The run's folder, where the report lies."""
    to_open: int = MOST_OPEN
    """How many more frames are open from the start."""
    taken: int = 0
    """Bytes of pages in the report so far."""

    def frame(self, step: str, name: str, path: str) -> Html:
        """Returns a page inside a frame, or a line that says why it is not shown.

        Args:
            step: The step that made it.
            name: The output's name.
            path: The HTML file.
        """
        file = Path(path) if path else None
        try:
            size = file.stat().st_size if file is not None and file.is_file() else None
            page = "" if file is None or size is None else _page(file, self._room(size))
        except OSError as error:
            return _absent(name, f"cannot be read: {error.strerror or error}")
        if size is None:
            return _absent(name, f"is missing: {path or 'the record has no path'}")
        if page is None:
            there = self.link(path, "open it by itself")
            return _absent(
                name, joined([f"is {size / (1 << 20):.1f} MB, too large for this page: ", there])
            )
        self.taken += size
        is_open = self.to_open > 0
        self.to_open -= 1
        inside = element(
            "iframe",
            srcdoc=page + _SHOWN_INSIDE,
            sandbox="allow-same-origin",
            title=f"{name} of {step}",
            loading="lazy" if not is_open else None,
        )
        summary = element("summary", joined([element("span", name), self.link(path, "open")]))
        opening = Html('<details class="framed" open>' if is_open else '<details class="framed">')
        return Html(f"{opening}{summary}{inside}</details>")

    def link(self, path: str, text: str) -> Html:
        """Returns a link to a file, relative to the report so that the run can be moved."""
        return element("a", text, href=self.address(path), title=path)

    def address(self, path: str) -> str:
        """Returns the address of a file as seen from the report."""
        try:
            relative = os.path.relpath(path, self.folder)
        except ValueError:
            return Path(path).as_uri()
        address = quote(Path(relative).as_posix())
        # A name such as ``javascript:x`` must stay a path.
        return address if address.startswith(".") else f"./{address}"

    def _room(self, size: int) -> bool:
        return size <= LARGEST_BYTES and self.taken + size <= MOST_BYTES


def _page(file: Path, fits: bool) -> str | None:
    return file.read_text("utf-8", "replace") if fits else None


def _absent(name: str, why: object) -> Html:
    return element("p", joined([element("b", name), " ", why]), class_="absent")
