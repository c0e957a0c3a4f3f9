from hypothesis import given
from hypothesis import strategies as st

from pictures.drawn import HOSTILE, parsed
from plimsoll.pictures.markup import Html, element, escaped, joined, shortened


@given(st.text())
def test_text_comes_back_as_it_was_or_with_marks_for_what_cannot_be_shown(text):
    item = parsed(element("p", text, title=text))[0]
    shown = item.text or ""
    # A parser makes one line feed of each kind of line end.
    given_text = text.replace("\r\n", "\n").replace("\r", "\n")
    for was, now in zip(given_text, shown, strict=True):
        assert now in (was, "\ufffd")
    assert list(item) == []


@given(st.text(alphabet=st.characters()))
def test_markup_can_always_be_encoded(text):
    escaped(text).encode("utf-8")
    element("p", "", title=text).encode("utf-8")


def test_direction_overrides_are_shown_not_obeyed():
    assert escaped("a\u202eb\x00") == "a\ufffdb\ufffd"


def test_markup_is_kept_and_text_is_not_markup():
    assert element("p", Html("<b>x</b>")) == "<p><b>x</b></p>"
    assert joined(["<b>", Html("<i/>")]) == "&lt;b&gt;<i/>"


def test_attributes_are_escaped_even_if_they_are_markup():
    item = parsed(element("p", "", title=HOSTILE, data_page=Html(HOSTILE), hidden=None))[0]
    assert item.attrib == {"title": HOSTILE, "data-page": HOSTILE}


def test_long_text_keeps_both_ends():
    assert shortened("a_long_name_of_a_column", 10) == "a_long…umn"
    assert shortened("short", 10) == "short"
