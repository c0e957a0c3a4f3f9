"""A device without memory left: says the batch that would fit."""

import gc
from collections.abc import Callable

import torch

from plimsoll.errors import ConfigError
from plimsoll.train.data.tensors import TensorBatch

OF_PROCESSORS = ("not enough memory", "can't allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether a device had no memory left."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    text = str(error).casefold()
    return isinstance(error, RuntimeError) and any(word in text for word in OF_PROCESSORS)


def largest_fitting(batch: TensorBatch, attempt: Callable[[TensorBatch], object]) -> int:
    """Returns how many rows of a batch fit: half of it, a quarter and so on, tried for real.

    Call it when no exception is handled any more: its traceback holds what the step had made.

    Returns:
        Rows; 0 if not even one fits.
    """
    rows = len(batch) // 2
    gc.collect()
    while rows:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            attempt(batch.slice(0, rows))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        else:
            return rows
        rows //= 2
    return 0


def batch_too_large(batch_size: int, fits: int, *, measured: bool, message: str) -> ConfigError:
    """Returns the error for a batch that does not fit.

    Args:
        batch_size: Rows a step, all processes together.
        fits: Rows a step that would; 0: none.
        measured: Whether they were tried.
        message: What the device said.
    """
    headline = f"the device is out of memory: a step of {batch_size:,} rows does not fit"
    cause = message.splitlines()[0]
    if not fits:
        return ConfigError(
            headline,
            cause=f"{cause}\nnot even one row fits",
            hint='a smaller network: {"hidden": [128]}, or rows on disk: {"data": "streamed"}',
        )
    measured_text = f"{fits:,} rows fit" if measured else "half of it may; that was not tried"
    return ConfigError(
        headline, cause=f"{cause}\n{measured_text}", hint=f'try: {{"batch_size": {fits}}}'
    )


def outside_a_step(message: str) -> ConfigError:
    """Returns the error for memory that ended outside of a step."""
    return ConfigError(
        "the device is out of memory",
        cause=message.splitlines()[0],
        hint='keep the rows on disk: {"data": "streamed"}, or take a smaller network',
    )
