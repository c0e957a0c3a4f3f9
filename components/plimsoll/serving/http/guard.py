"""What stands before the application: a limit on bodies, and a 500 that gives nothing away."""

import logging
import traceback
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from plimsoll.errors import PlimsollError, RequestError

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_LOGGER = logging.getLogger("plimsoll.serving")


class TooLong(HTTPException):
    """A body past the limit; an HTTPException, for FastAPI rewrites all else raised in reading."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


class Guard:
    """Refuses bodies past a limit, and answers what nobody else did with a bare 500.

    The log gets the error's type and the lines of code, not its text, which may hold
    values of a request.

    Args:
        app: The application behind it.
        max_bytes: The longest body taken.
    """

    def __init__(self, app: Application, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Passes one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _announced_length(scope) > self._max_bytes:
            await too_long()(scope, receive, send)
            return
        exchange = _Exchange(receive, send, self._max_bytes)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            return
        except Exception as error:
            frames = "".join(traceback.format_tb(error.__traceback__))
            _LOGGER.error("%s while answering\n%s", type(error).__name__, frames)
            if not exchange.started:
                await failed()(scope, receive, send)


class _Exchange:
    """One request on its way in, whose bytes are counted, and its answer on the way out."""

    def __init__(self, receive: Receive, send: Send, max_bytes: int) -> None:
        self._receive = receive
        self._send = send
        self._left = max_bytes
        self.started = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise TooLong
        return message

    async def send(self, message: Message) -> None:
        self.started = True
        await self._send(message)


def refusal(status: int, error: Exception) -> JSONResponse:
    """Returns an error's text as the JSON that clients get."""
    return JSONResponse({"error": str(error)}, status_code=status)


def too_long() -> JSONResponse:
    """Returns the answer to a body past the limit."""
    error = RequestError(
        "the request's body is longer than this server takes", hint="send fewer rows in a request"
    )
    return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error)


def failed() -> JSONResponse:
    """Returns the answer where the fault is the server's."""
    error = PlimsollError(
        "the server failed to answer", cause="its log says where", hint="report it"
    )
    return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, error)


def _announced_length(scope: Message) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
