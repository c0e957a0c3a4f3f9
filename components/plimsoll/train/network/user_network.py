"""Tries a network of the user's own before any time is spent on training it."""

import numpy as np
import torch

from plimsoll.errors import ConfigError
from plimsoll.formats.examples import Examples
from plimsoll.models.network import Network, NetworkConfig
from plimsoll.models.user_module import run_forward

ROWS = 8
NEAR = 1e-3
"""Answers of a row alone and among others may differ by so much of their size, for rounding."""


def check_user_network(config: NetworkConfig, source: str, examples: Examples) -> None:
    """Builds the user's network twice and asks it about a few rows of the train split.

    Torch's generator is left as it was found.

    Raises:
        ConfigError: if there is no source, it does not run, has nothing to learn, differs
            between two builds from one seed, or answers with a wrong shape, with NaN, or a row
            by what stands beside it.
    """
    if not source.strip():
        raise ConfigError(
            "the model is `module`, but no network of your own is given",
            hint="give the file: --module my_net.py",
        )
    numeric = torch.from_numpy(np.array(examples.numeric("train")[:ROWS]))
    categorical = torch.from_numpy(np.array(examples.categorical("train")[:ROWS], np.int64))
    with torch.random.fork_rng(devices=[]):
        network = _build(config, source)
        _check_same(network, _build(config, source))
        outputs = _predict(network, source, numeric, categorical)
        _check_outputs(outputs, config, len(numeric))
        alone = torch.cat(
            [
                _predict(network, source, numeric[row : row + 1], categorical[row : row + 1])
                for row in range(len(numeric))
            ]
        )
    _check_alone(outputs, alone)


def _build(config: NetworkConfig, source: str) -> Network:
    torch.manual_seed(0)
    network = Network(config, source)
    network.eval()
    if not any(weight.requires_grad for weight in network.parameters()):
        raise ConfigError("the network of your own has no weights that could be trained")
    for name, weight in network.state_dict().items():
        if not bool(torch.isfinite(weight).all()):
            raise ConfigError(
                "the network of your own starts with weights that are not finite", cause=name
            )
    return network


def _check_same(first: Network, second: Network) -> None:
    ours, theirs = first.state_dict(), second.state_dict()
    differing = [
        name
        for name in sorted(set(ours) | set(theirs))
        if name not in ours or name not in theirs or not torch.equal(ours[name], theirs[name])
    ]
    if differing:
        raise ConfigError(
            "the network of your own differs between two builds from the same seed",
            cause=f"in {', '.join(differing[:8])}",
            hint="draw its first weights from torch's own generator, and build by inputs alone",
        )


def _predict(
    network: Network, source: str, numeric: torch.Tensor, categorical: torch.Tensor
) -> torch.Tensor:
    with torch.no_grad():
        try:
            outputs = run_forward(network, source, numeric, categorical)
        except ConfigError as error:
            raise ConfigError(
                error.headline,
                cause=f"{error.cause}\nit was given numeric of shape {tuple(numeric.shape)} and "
                f"categorical of shape {tuple(categorical.shape)}",
                hint=_hint(network.config),
            ) from error
    if not isinstance(outputs, torch.Tensor):
        raise ConfigError(f"the network of your own answers {type(outputs).__name__}, not a tensor")
    return outputs


def _hint(config: NetworkConfig) -> str:
    if set(config.widths) <= {1}:
        return ""
    return "some columns take several indices a row: categorical.split(inputs.widths, dim=1)"


def _check_outputs(outputs: torch.Tensor, config: NetworkConfig, rows: int) -> None:
    shape = tuple(outputs.shape)
    wanted = len(shape) in (2, 3) and shape[0] == rows and shape[-1] == config.outputs
    if not wanted or not shape[1]:
        raise ConfigError(
            f"the network of your own answers with shape {shape}",
            cause=f"{rows} rows of {config.task} need ({rows}, {config.outputs}), or "
            f"({rows}, members, {config.outputs}) of an ensemble",
        )
    if not outputs.is_floating_point():
        raise ConfigError(f"the network of your own answers {outputs.dtype}, not floats")
    if not bool(torch.isfinite(outputs).all()):
        raise ConfigError(
            "the network of your own answers NaN or infinity before any training",
            hint="numbers may be as far as a column's clip lets them; scale what goes in",
        )


def _check_alone(together: torch.Tensor, alone: torch.Tensor) -> None:
    if together.shape != alone.shape or not torch.allclose(together, alone, rtol=NEAR, atol=NEAR):
        raise ConfigError(
            "the network of your own answers a row by the rows that stand beside it",
            cause="in evaluation mode, one row alone got another answer than among others",
            hint="a server is asked for single rows: use no statistics of the batch in eval()",
        )
