"""Trying again to reach a Google service: capped exponential back-off, jitter, a total bound.

Needs google-api-core, which comes with each of Google's clients.
"""

import os
import random
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from plimsoll.errors import DataError

SECONDS = 300.0
"""How long a request is tried again before it is given up."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 16.0
"""Seconds before the first and between later tries; each wait is drawn up to its cap."""
REQUEST_SECONDS = (10.0, 60.0)
"""How long one try may take to connect, and between two packets."""
TRANSIENT = frozenset((408, 429, 500, 502, 503, 504))


class ShortReadError(Exception):
    """A response ended before its end, though the connection closed in order."""


def retry(seconds: float = SECONDS) -> Any:
    """Returns the ``google.api_core.retry.Retry`` for what may pass by itself.

    These are answers 408, 429 and 5xx, connections cut or timed out, and short responses.

    Args:
        seconds: After so long the last error is raised, wrapped in a ``RetryError``.
    """
    from google.api_core.retry import Retry

    return Retry(
        predicate=passes,
        initial=FIRST_WAIT,
        maximum=LONGEST_WAIT,
        multiplier=2.0,
        timeout=seconds,
    )


class Waits:
    """Waits between tries of what goes on where it stopped, and gives up in the end.

    Args:
        seconds: Longest time without progress.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self.progress()

    def progress(self) -> None:
        """Starts anew: something came."""
        self._cap = FIRST_WAIT
        self._until = time.monotonic() + self._seconds

    def wait(self, error: Exception) -> None:
        """Waits before the next try.

        Raises:
            Exception: ``error`` itself, if it does not pass, or a ``RetryError`` when the time
                is up.
        """
        from google.api_core import exceptions

        untyped: Any = exceptions
        if not passes(error):
            raise error
        pause = random.uniform(0, self._cap)  # noqa: S311
        if time.monotonic() + pause > self._until:
            raise untyped.RetryError(f"no progress for {self._seconds:g} s", error) from error
        time.sleep(pause)
        self._cap = min(self._cap * 2, LONGEST_WAIT)


def passes(error: BaseException) -> bool:
    """Says if an error is of those that pass by themselves."""
    import requests
    import urllib3
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import TransportError

    if isinstance(error, GoogleAPICallError):
        return error.code in TRANSIENT
    cut = (
        requests.exceptions.ConnectionError,
        requests.exceptions.Timeout,
        requests.exceptions.ChunkedEncodingError,
        urllib3.exceptions.ProtocolError,
        urllib3.exceptions.TimeoutError,
        TransportError,
        ConnectionError,
        ShortReadError,
    )
    return isinstance(error, cut)


@contextmanager
def quiet() -> Iterator[None]:
    """Imports Google's packages without their warning of Python versions to come."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def storage_error(error: BaseException, what: str, account: str = "") -> DataError:
    """Returns the error for what a Google service answered, without an address's parameters.

    Args:
        error: What the client raised.
        what: What was asked for: ``gs://bucket/object``, a table.
        account: Who asked, if it is known.
    """
    from google.api_core.exceptions import Forbidden, GoogleAPICallError, RetryError, Unauthorized
    from google.auth.exceptions import GoogleAuthError

    if isinstance(error, RetryError):
        last = error.cause
        return DataError(
            f"{what} cannot be reached",
            cause=f"tried again until the time was up; last: {reason(last or error)}",
            hint="run again later; a finished step is not done twice",
        )
    if isinstance(error, GoogleAuthError):
        return DataError(
            f"no credentials to read {what}",
            cause=str(error).splitlines()[0] if str(error) else type(error).__name__,
            hint="run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS",
        )
    if isinstance(error, Forbidden | Unauthorized):
        who = f"{account}: " if account else ""
        return DataError(
            f"no permission to read {what}",
            cause=f"{who}{reason(error)}",
            hint="ask for the role that reads it, or use another account",
        )
    code = f" ({error.code})" if isinstance(error, GoogleAPICallError) and error.code else ""
    return DataError(f"{what} cannot be read{code}", cause=reason(error))


def account_of(client: Any) -> str:
    """Returns the service account that a client uses, if its credentials know it."""
    credentials = getattr(client, "_credentials", None)
    name = str(getattr(credentials, "service_account_email", "") or "")
    return "" if name == "default" else name


def credentials_for(emulator: str) -> Any:
    """Returns anonymous credentials where an environment variable names an emulator, else None."""
    if not os.environ.get(emulator):
        return None
    from google.auth import credentials

    untyped: Any = credentials
    return untyped.AnonymousCredentials()


def reason(error: BaseException) -> str:
    """Returns what a service said, without the address that was asked."""
    details = getattr(error, "errors", None) or ()
    messages = [
        str(item["message"]) for item in details if isinstance(item, dict) and item.get("message")
    ]
    if messages:
        return messages[0]
    # A client's message starts with the request's address.
    text = str(getattr(error, "message", "")) or str(error) or type(error).__name__
    return text.partition("prettyPrint=false: ")[2] or text
