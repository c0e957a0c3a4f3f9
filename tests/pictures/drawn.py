"""Reads charts back: what is drawn, said and coloured, and that it holds together."""

import math
import re
from xml.etree import ElementTree

from hypothesis import strategies as st

HOSTILE = "</style></script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;"
NUMBERS = st.floats() | st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, 1.0])
NAMES = st.text(max_size=12)
_LENGTHS = ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "dx")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def parsed(markup):
    """Parses markup strictly: every tag closed, every attribute quoted, nothing unescaped."""
    return ElementTree.fromstring(f"<body>{markup}</body>")


def tags(markup):
    return {item.tag for item in parsed(markup).iter()}


def texts(markup, tag="text"):
    return ["".join(item.itertext()) for item in parsed(markup).iter(tag)]


def of_class(markup, name):
    return [item for item in parsed(markup).iter() if name in item.get("class", "").split()]


def assert_drawable(markup):
    """Checks that every place and length is a number that a browser can draw."""
    for item in parsed(markup).iter():
        for attribute in _LENGTHS:
            if (value := item.get(attribute)) is not None:
                assert math.isfinite(float(value.removesuffix("%"))), (item.tag, attribute, value)
        for name in ("width", "height", "r"):
            value = item.get(name)
            assert value is None or float(value.removesuffix("%")) >= 0, (item.tag, name, value)
        for share in ("x", "cx", "x1", "x2"):
            value = item.get(share, "")
            assert not value.endswith("%") or -0.01 <= float(value[:-1]) <= 100.01, value
        path = item.get("d", "")
        assert "nan" not in path
        assert "inf" not in path
        assert all(-1 <= float(number) <= 1e5 for number in _NUMBER.findall(path))
