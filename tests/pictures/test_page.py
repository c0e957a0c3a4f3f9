import re
from html.parser import HTMLParser

from pictures.drawn import HOSTILE
from plimsoll.pictures.page import Page
from plimsoll.pictures.tables import badge, table
from plimsoll.pictures.theme import stylesheet


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.seen = []
        self.links = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "srcset")]


def page():
    made = Page(HOSTILE, HOSTILE)
    made.add(HOSTILE, table(["a"], [[HOSTILE]]), note=HOSTILE)
    made.add_bare("", badge(HOSTILE))
    return made.html()


def test_a_page_is_whole_and_nothing_in_it_runs_or_is_fetched():
    tags = Tags(page())
    assert tags.seen.count("html") == tags.seen.count("style") == tags.seen.count("h1") == 1
    assert not {"script", "img", "link", "iframe"} & set(tags.seen)
    assert tags.links == []
    assert "default-src &#x27;none&#x27;" in page()


def test_a_page_is_the_same_each_time():
    assert page() == page()


def test_the_style_sheet_fetches_nothing_and_names_only_colours_it_has():
    text = stylesheet()
    assert "url(" not in text
    assert "@import" not in text
    assert "<" not in text
    given = set(re.findall(r"(--[\w-]+):", text))
    # Set on the element that uses them.
    given |= {"--left", "--right", "--top", "--bottom", "--tall", "--share"}
    assert set(re.findall(r"var\((--[\w-]+)\)", text)) <= given


def test_dark_has_every_colour_that_light_has():
    text = stylesheet()
    light = text[: text.index("*")]
    dark = text[text.rindex("@media (prefers-color-scheme:dark)") :]
    assert set(re.findall(r"(--[\w-]+):", light)) == set(re.findall(r"(--[\w-]+):", dark))


def contrast(first, second):
    def luminance(colour):
        digits = colour if len(colour) == 6 else "".join(letter * 2 for letter in colour)
        parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
        parts = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    bright, dim = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_text_can_be_read_in_light_and_dark():
    text = stylesheet()
    start = text.rindex("@media (prefers-color-scheme:dark)")
    for colours in (text[: text.index("*")], text[start:]):
        named = dict(re.findall(r"--([\w-]+):#([0-9a-f]+)", colours))
        pairs = [(ink, paper) for ink in ("ink", "soft", "faint") for paper in ("card", "paper")]
        pairs += [(tone, f"{tone}-wash") for tone in ("good", "bad", "warn", "info", "dull")]
        for ink, paper in pairs:
            assert contrast(named[ink], named[paper]) >= 4.5, (ink, paper)
        for series in range(1, 9):
            assert contrast(named[f"s{series}"], named["card"]) >= 2.4, series
