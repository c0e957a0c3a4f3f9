"""Texts of other packages, without the passwords and keys that they may repeat."""

import os
import re
from urllib.parse import unquote, urlsplit, urlunsplit

MASK = "***"
_USER_INFO = re.compile(r"(?<=://)[^/\s'\"]*@")
_VARIABLES = ("PASSWORD", "TOKEN", "API_KEY", "SECRET")
_TRACKERS = ("MLFLOW_", "WANDB_")
FEWEST_LETTERS = 4
"""A shorter value would mask parts of ordinary words."""


def without_secrets(text: str) -> str:
    """Masks users and passwords of addresses, and values of the trackers' secret variables."""
    for name, value in os.environ.items():
        secret = name.startswith(_TRACKERS) and name.endswith(_VARIABLES)
        if secret and len(value) >= FEWEST_LETTERS:
            text = text.replace(value, MASK)
    return _USER_INFO.sub(f"{MASK}@", text)


def split_user(address: str) -> tuple[str, str, str]:
    """Returns an address without its user and password, and these two, empty where it has none."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
        return address, "", ""
    user_info, _, host = parts.netloc.rpartition("@")
    user, _, password = user_info.partition(":")
    return urlunsplit(parts._replace(netloc=host)), unquote(user), unquote(password)
