"""What a cluster's API answers, turned into our errors: refused, or not reached this time."""

import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from plimsoll.errors import StepError

_PASSING = frozenset((408, 429, 500, 502, 503, 504))


class UnreachableError(StepError):
    """The cluster's API did not answer this time; it may the next."""


@contextmanager
def translated_errors(what: str) -> Iterator[None]:
    """Turns what the SDK and its clients raise into our errors.

    Args:
        what: What is asked of the cluster, for the headline.

    Raises:
        UnreachableError: if the API does not answer this time.
        StepError: if it refuses, or the SDK fails.
    """
    import urllib3

    answers = exceptions()
    try:
        yield
    except (urllib3.exceptions.HTTPError, multiprocessing.TimeoutError, TimeoutError) as error:
        raise _unreachable(what, error) from error
    except (answers.ApiException, RuntimeError) as error:
        raise _refused(what, error) from error


def _refused(what: str, error: BaseException) -> StepError:
    import urllib3

    status = api_error(error)
    if status is None:
        connection_errors = (urllib3.exceptions.HTTPError, multiprocessing.TimeoutError, OSError)
        if any(isinstance(item, connection_errors) for item in _causes(error)):
            return _unreachable(what, error)
        return StepError(f"{what}: the Kubeflow SDK failed", cause=cause_chain(error))
    if status.status in _PASSING:
        return UnreachableError(
            f"{what}: the cluster answered {status.status}", cause=answer_message(status)
        )
    hint = ""
    if status.status in (401, 403):
        hint = (
            "its service account must be allowed to get, create and delete "
            "trainjobs.trainer.kubeflow.org, to list pods and to get pods/log"
        )
    return StepError(
        f"{what}: the cluster refused ({status.status})", cause=answer_message(status), hint=hint
    )


def _unreachable(what: str, error: BaseException) -> UnreachableError:
    last = _causes(error)[-1]
    reason = getattr(last, "reason", None) or last
    return UnreachableError(
        f"{what}: the cluster's API does not answer", cause=_without_address(str(reason))
    )


def _without_address(text: str) -> str:
    # urllib3 puts the connection's object before what went wrong.
    return text.rpartition(">: ")[2] or text


def _causes(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__) is not None and cause not in causes:
        causes.append(cause)
    return causes


def cause_chain(error: BaseException) -> str:
    """Returns the first line of each exception that led to an error."""
    return "; ".join(str(item).splitlines()[0] for item in _causes(error) if str(item))


def api_error(error: BaseException) -> Any:
    """Returns the API's own answer among what led to an error, or None."""
    kind = exceptions().ApiException
    answers = [item for item in _causes(error) if isinstance(item, kind) and item.status]
    return answers[0] if answers else None


def answer_message(error: Any) -> str:
    """Returns the message in an answer of the API."""
    try:
        return str(json.loads(error.body)["message"])
    except (KeyError, TypeError, ValueError):
        return str(error.reason or error.status)


def exceptions() -> Any:
    """Returns the module of what the Kubernetes client raises."""
    from kubernetes.client import exceptions

    return exceptions
