"""The package as a KServe model: v1 and v2 requests in, answers out."""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import kserve
import numpy as np
import orjson
from kserve import InferOutput, InferRequest, InferResponse
from numpy.typing import NDArray

from plimsoll.errors import RequestError, nearest
from plimsoll.serving.config import ServerConfig
from plimsoll.serving.features.lookup import FeatureLookup
from plimsoll.serving.http import v2_tensors as tensors
from plimsoll.serving.model.predictor import Predictor
from plimsoll.transform.apply import apply

_V1_HINT = 'send {"instances": [{"<column>": <value>, ...}, ...]}'


class PackageModel(kserve.Model):  # type: ignore[misc,unused-ignore]
    """Answers requests of raw column values from one package.

    Inference runs in threads of its own, so that the event loop goes on taking requests and
    answering probes.

    Args:
        predictor: The loaded package.
        config: The name, and what a request may hold.
        lookup: Gives requests the features that they leave out; None: requests give all.
    """

    def __init__(
        self, predictor: Predictor, config: ServerConfig, lookup: FeatureLookup | None = None
    ) -> None:
        super().__init__(config.name or predictor.package.name)
        self._predictor = predictor
        self._max_rows = config.max_rows
        self._types = {item["name"]: item["type"] for item in predictor.package.inputs}
        self._threads = ThreadPoolExecutor(config.threads, thread_name_prefix="predict")
        self._lookup = lookup
        self._lookups = ThreadPoolExecutor(config.lookup_threads, thread_name_prefix="look-up")
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """Returns the v2 metadata of the inputs."""
        return tensors.input_metadata(self._predictor.package.inputs)

    def get_output_types(self) -> list[dict[str, Any]]:
        """Returns the v2 metadata of the outputs."""
        package = self._predictor.package
        return tensors.output_metadata(package.task, len(package.classes))

    def validate(self, payload: Any) -> Any:
        """Leaves the checking of a request to ``predict``, which says what to do about it."""
        return payload

    async def predict(
        self,
        payload: Any,
        headers: dict[str, str] | None = None,  # noqa: ARG002
        response_headers: dict[str, str] | None = None,  # noqa: ARG002
    ) -> dict[str, Any] | InferResponse:
        """Answers one request.

        Raises:
            RequestError: if it cannot be answered as it stands.
            FeaturesUnavailableError: if its features cannot be looked up.
        """
        loop = asyncio.get_running_loop()
        v2 = isinstance(payload, InferRequest)
        read: Callable[[Any], Any] = self._lists if v2 else self._rows
        answer: Callable[[Any, Any], Any] = self._v2 if v2 else self._v1
        if self._lookup is None:
            return await loop.run_in_executor(self._threads, lambda: answer(payload, read(payload)))
        # Apart, so that one that waits on the store keeps none from being computed.
        values = await loop.run_in_executor(self._lookups, read, payload)
        return await loop.run_in_executor(self._threads, answer, payload, values)

    def _rows(self, payload: Any) -> Sequence[Mapping[str, Any]]:
        rows = _instances(payload)
        self._check_size(len(rows))
        if self._lookup is None:
            return rows
        apply.check_rows(self._predictor.transform, rows)
        return self._lookup.rows(rows)

    def _lists(self, request: InferRequest) -> Mapping[str, Sequence[Any]]:
        outputs = request.request_outputs or []
        tensors.check_output_names([item.name for item in outputs], self._predictor.package.task)
        lists = tensors.lists_of(request.inputs, self._types)
        self._check_size(max(map(len, lists.values())))
        if self._lookup is None:
            return lists
        apply.check_lists(self._predictor.transform, lists)
        return self._lookup.lists(lists)

    def _v1(self, _payload: Any, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {"predictions": self._predictor.predict_rows(rows)}

    def _v2(self, request: InferRequest, lists: Mapping[str, Sequence[Any]]) -> InferResponse:
        return InferResponse(
            response_id=request.id or str(uuid.uuid4()),
            model_name=self.name,
            model_version=self._predictor.package.version,
            infer_outputs=self._outputs(self._predictor.predict_lists(lists)),
            use_binary_outputs=request.use_binary_outputs,
            requested_outputs=request.request_outputs or None,
        )

    def _outputs(self, array: NDArray[np.float64]) -> list[InferOutput]:
        if self._predictor.package.task == "regression":
            return [_output("value", "FP64", array)]
        labels = np.array(self._predictor.labels(array), dtype=np.object_)
        return [_output("label", "BYTES", labels), _output("probabilities", "FP64", array)]

    def _check_size(self, rows: int) -> None:
        if rows == 0:
            raise RequestError("the request has no rows", hint=_V1_HINT)
        if rows > self._max_rows:
            raise RequestError(
                f"the request has {rows} rows",
                cause=f"this server takes {self._max_rows} at most",
                hint="send them in several requests",
            )


def _instances(payload: Any) -> list[Mapping[str, Any]]:
    if isinstance(payload, bytes | bytearray | str):
        # KServe leaves the body as it is unless the content type is one that it knows as JSON.
        try:
            payload = orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            raise RequestError(
                "the request is not JSON", cause=str(error), hint=_V1_HINT
            ) from error
    if not isinstance(payload, dict):
        raise RequestError("the request is not a JSON object", hint=_V1_HINT)
    if "instances" not in payload:
        names = [name for name in payload if isinstance(name, str)]
        close = next((name for name in names if nearest(name, ["instances"])), "")
        cause = f"it has {close!r}; did you mean 'instances'?" if close else ""
        raise RequestError("the request has no 'instances'", cause=cause, hint=_V1_HINT)
    instances = payload["instances"]
    if not isinstance(instances, list):
        raise RequestError("'instances' is not a list", hint=_V1_HINT)
    return instances


def _output(name: str, datatype: str, array: NDArray[Any]) -> InferOutput:
    output = InferOutput(name=name, shape=list(array.shape), datatype=datatype)
    output.set_data_from_numpy(array, binary_data=False)
    return output
