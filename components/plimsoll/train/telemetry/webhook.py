"""Alerts a webhook when a training failed or was interrupted.

The training's first process does; where it cannot, as it was killed, who waits for it does.

``PLIMSOLL_ALERT_URL`` names an https address, which is a secret as those of Slack and others are:
it is never printed. It is sent one JSON object, whose ``text`` is what such services show.
"""

import json
import os
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plimsoll.errors import PlimsollError
from plimsoll.storage.files import finite
from plimsoll.train.telemetry.console import warn
from plimsoll.train.telemetry.events import Ended, EpochFinished, Event, Started, Stepped
from plimsoll.train.telemetry.failure_file import was_alerted, write_alerted

VARIABLE = "PLIMSOLL_ALERT_URL"
TIMEOUT_SECONDS = 5.0
"""For each read and write."""
MOST_SECONDS = 10.0
"""For all of it: a server that answers drop by drop holds no training up."""
ALARMING = ("failed", "interrupted")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class WebhookListener:
    """Alerts the webhook at the end of a training that failed or was interrupted.

    Args:
        url: The webhook.
        title: What is trained, as a person knows it.
        logs: Folder in which the alert is recorded; None: nobody asks.
    """

    def __init__(self, url: str, title: str, logs: Path | None = None) -> None:
        self._url = url
        self._logs = logs
        self._facts: dict[str, Any] = {"training": title}

    def on_event(self, event: Event) -> None:
        """Keeps where the training is, and posts its end if it failed or was interrupted."""
        if isinstance(event, Started):
            self._facts |= {"model": event.model, "place": event.place, "epoch": None}
        elif isinstance(event, Stepped):
            self._facts |= {"epoch": event.epoch, "step": event.step}
        elif isinstance(event, EpochFinished):
            self._facts |= {"epoch": event.number, "eval_loss": event.eval_loss}
        elif isinstance(event, Ended) and event.reason in ALARMING:
            taken = post_alert(self._url, event.reason, event.error, self._facts)
            if taken:
                self._record_alert(event.reason)

    def _record_alert(self, reason: str) -> None:
        if self._logs is None:
            return
        try:
            write_alerted(self._logs, reason)
        except OSError as error:
            warn(f"{self._logs} cannot be written, an alert may come twice: {error.strerror}")


def webhook_from_environment(title: str, logs: Path | None = None) -> WebhookListener | None:
    """Returns the listener that the environment asks for, or None.

    An address that cannot be used is reported on standard error, and is no reason not to train.
    """
    url = _address()
    if not url:
        return None
    if not is_usable_url(url):
        warn(f"{VARIABLE} is no https:// address: nobody will be told if the training fails")
        return None
    return WebhookListener(url, title, logs)


@contextmanager
def alert_on_error(title: str, logs: Path) -> Iterator[None]:
    """Alerts the webhook of an error that leaves the block, unless the training's process did.

    A process that was killed alerts nobody, and one on a cluster may not know the address.

    Args:
        title: What is trained, as a person knows it.
        logs: Where the training's processes leave word.
    """
    try:
        yield
    except PlimsollError as error:
        url = _address()
        if is_usable_url(url) and not was_alerted(logs):
            post_alert(url, "failed", error.headline, {"training": title})
        raise


def _address() -> str:
    return os.environ.get(VARIABLE, "").strip()


def is_usable_url(url: str) -> bool:
    """Returns whether an address is one of https, or of http on this machine."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or any(ord(letter) <= 0x20 or ord(letter) == 0x7F for letter in url):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)


def post_alert(url: str, reason: str, error: str, facts: Mapping[str, Any]) -> bool:
    """Posts one alert, and returns whether the webhook took it; never raises, never waits long.

    Args:
        url: The webhook.
        reason: ``failed`` or ``interrupted``.
        error: What was raised, in a line.
        facts: What else is known: ``training``, ``model``, ``epoch``.
    """
    host = socket.gethostname()
    about = f"{facts['training']} on {host}" if facts.get("training") else host
    at = f" in epoch {facts['epoch']}" if facts.get("epoch") else ""
    text = f"Training {reason}{at}: {about}" + (f"\n{error}" if error else "")
    known = {name: value for name, value in facts.items() if value is not None}
    message = {"text": text, "reason": reason, "error": error, "host": host, **known}
    outcome: list[str] = ["it did not answer in time"]
    # A socket's own time limit starts anew with each byte.
    thread = threading.Thread(target=_post, args=(url, message, outcome), daemon=True)
    thread.start()
    thread.join(MOST_SECONDS)
    problem = outcome[-1]
    if problem:
        was = f"was {reason}" if reason == "interrupted" else reason
        warn(f"the webhook of {VARIABLE} was not told that the training {was}: {problem}")
    return not problem


def _post(url: str, message: Mapping[str, Any], outcome: list[str]) -> None:
    """Posts a message; appends what went wrong, or an empty text."""
    body = json.dumps(finite(message), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "plimsoll"}
    try:
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310
        with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        outcome.append(f"it answered with status {error.code}")
        error.close()
    except urllib.error.URLError as error:
        outcome.append(_without_url(error.reason))
    except Exception as error:
        # An alert that fails must not end a training.
        outcome.append(_without_url(error))
    else:
        outcome.append("")


def _without_url(error: object) -> str:
    """Returns what went wrong without the text of the exception, which may hold the address."""
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows none: what the address is secret for would go elsewhere."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Returns no request, so that the redirect is an error."""


_OPENER = urllib.request.build_opener(_NoRedirect)
