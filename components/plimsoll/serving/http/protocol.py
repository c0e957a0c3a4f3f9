"""KServe's HTTP server, its v1 and v2 protocols, with errors that a client can act on."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from kserve.errors import InferenceError, InvalidInput, ModelNotFound
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer
from kserve.protocol.rest.v2_datamodels import InferenceRequest
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from plimsoll.errors import RequestError
from plimsoll.serving.features.lookup import FeaturesUnavailableError
from plimsoll.serving.http.guard import Guard, refusal, too_long

BINARY_HEADER = "inference-header-content-length"
_HINT = "GET /v2/models/<name> lists inputs and outputs; v1 takes instances of raw columns"


class HttpServer(RESTServer):  # type: ignore[misc,unused-ignore]
    """KServe's HTTP server without its timing log, with our errors and a limit on bodies."""

    max_bytes: int = 64 << 20

    def _add_middlewares(self, app: FastAPI) -> None:
        app.add_middleware(Guard, max_bytes=self.max_bytes)

    def _add_exception_handlers(self, app: FastAPI) -> None:
        super()._add_exception_handlers(app)
        app.add_exception_handler(RequestError, _refused)
        app.add_exception_handler(FeaturesUnavailableError, _unavailable)
        app.add_exception_handler(RequestValidationError, _not_the_protocol)
        app.add_exception_handler(InvalidInput, _unreadable)
        app.add_exception_handler(ModelNotFound, _not_found)
        app.add_exception_handler(HTTPException, _http_error)
        # The guard answers these, without their text; KServe's handlers would show it.
        for kind in (Exception, InferenceError):
            app.exception_handlers.pop(kind, None)


class RequestDecoder(DataPlane):  # type: ignore[misc,unused-ignore]
    """KServe's decoding, where whatever a body makes it raise is the client's mistake."""

    def decode(
        self, body: Any, headers: Any, protocol_version: str = "v1", model_name: str | None = None
    ) -> Any:
        """Decodes a request's body.

        Raises:
            RequestError: if it cannot be read.
        """
        try:
            if (
                protocol_version == "v2"
                and isinstance(body, bytes)
                and BINARY_HEADER not in headers
            ):
                body = InferenceRequest.model_validate_json(body)
            return super().decode(body, headers, protocol_version, model_name)
        except ValidationError as error:
            raise _against_v2(error.errors()) from error
        except InvalidInput as error:
            raise _not_read(str(error)) from error
        except Exception as error:
            raise _not_read(type(error).__name__) from error


class FixedRepository(ModelRepositoryExtension):  # type: ignore[misc,unused-ignore]
    """Keeps clients from loading and unloading models: this server holds one package."""

    async def load(self, model_name: str) -> None:
        """Refuses.

        Raises:
            RequestError: always.
        """
        raise RequestError(f"this server does not load {model_name!r}: it holds one package")

    async def unload(self, model_name: str) -> None:
        """Refuses.

        Raises:
            RequestError: always.
        """
        raise RequestError(f"this server does not unload {model_name!r}: it holds one package")


async def _refused(_request: Any, error: Exception) -> JSONResponse:
    return refusal(HTTPStatus.BAD_REQUEST, error)


async def _unavailable(_request: Any, error: FeaturesUnavailableError) -> JSONResponse:
    answer = refusal(HTTPStatus.SERVICE_UNAVAILABLE, error)
    answer.headers["Retry-After"] = str(error.retry_seconds)
    return answer


async def _unreadable(_request: Any, error: Exception) -> JSONResponse:
    return refusal(HTTPStatus.BAD_REQUEST, _not_read(str(error)))


async def _not_the_protocol(_request: Any, error: RequestValidationError) -> JSONResponse:
    return refusal(HTTPStatus.BAD_REQUEST, _against_v2(error.errors()))


async def _not_found(_request: Any, error: Exception) -> JSONResponse:
    hint = "GET /v1/models lists the models served here"
    return refusal(HTTPStatus.NOT_FOUND, RequestError(str(error), hint=hint))


async def _http_error(_request: Any, error: HTTPException) -> JSONResponse:
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return too_long()
    answer = refusal(error.status_code, RequestError(str(error.detail), hint=_HINT))
    answer.headers.update(error.headers or {})
    return answer


def _not_read(cause: str) -> RequestError:
    return RequestError("the request cannot be read", cause=cause, hint=_HINT)


def _against_v2(problems: Any) -> RequestError:
    # Where and what is wrong, without the values that pydantic would repeat.
    messages = [
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in problems
    ]
    return RequestError(
        "the request does not follow the v2 protocol",
        cause="\n".join(list(dict.fromkeys(messages))[:5]),
        hint=_HINT,
    )
