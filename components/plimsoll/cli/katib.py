"""``plimsoll katib``: a search on a cluster, rendered from the same search space as ``tune``."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from plimsoll.errors import UsageError


def add(commands: Any) -> None:
    """Adds ``katib``."""
    katib = commands.add_parser(
        "katib",
        help="render a search as a Katib Experiment, or read its best config",
        description="Prints a Katib Experiment (YAML) that searches as the component tune does: "
        "plimsoll katib --space space.yaml --examples gs://... | kubectl create -f -",
    )
    katib.add_argument(
        "--space", metavar="FILE", default="", help="search space; default: that of the model"
    )
    katib.add_argument(
        "--config", metavar="JSON|FILE", default="", help="TuneConfig: trials, workers, sampler"
    )
    katib.add_argument(
        "--train-config", metavar="JSON|FILE", default="", help="TrainConfig: what is not searched"
    )
    katib.add_argument(
        "--launcher-config",
        metavar="JSON|FILE",
        default="",
        help="LauncherConfig: storage, resources, namespace, env, secrets of a trial's pod",
    )
    katib.add_argument(
        "--examples",
        metavar="WHERE",
        default="",
        help="examples artifact: gs://BUCKET/folder, pvc://CLAIM/folder, or a mounted path",
    )
    katib.add_argument("--name", default="plimsoll-tune", help="default: plimsoll-tune")
    katib.add_argument("--image", default="", help="default: the image of the role train")
    katib.add_argument("--kind", default="job", help="job or trainjob; default: job")
    katib.add_argument(
        "--module", default="", help="package.module:function of your own network, in the image"
    )
    katib.add_argument("--to", metavar="FILE", help="write it there; default: print it")
    katib.add_argument(
        "--best",
        metavar="FILE",
        help="instead: print the best TrainConfig of `kubectl get experiment NAME -o json`; "
        "-: standard input",
    )
    katib.set_defaults(call=_katib)


def _katib(options: argparse.Namespace) -> int:
    from plimsoll.tune import katib

    if options.best:
        print(katib.best_config(_experiment(options.best)))
        return 0
    text = _rendered(options)
    if options.to:
        from plimsoll.storage.files import write_text

        write_text(Path(options.to), text)
    else:
        print(text, end="")
    return 0


def _rendered(options: argparse.Namespace) -> str:
    import dataclasses

    import yaml

    from plimsoll.train import config as train_configs
    from plimsoll.train.launch import config as launchers
    from plimsoll.tune import config as configs
    from plimsoll.tune import katib, space

    if not options.examples:
        raise UsageError(
            "say where the examples are: --examples", hint="--examples gs://BUCKET/examples"
        )
    launcher = launchers.parse(_text(options.launcher_config))
    if options.image:
        launcher = dataclasses.replace(launcher, image=options.image)
    base = train_configs.parse(_text(options.train_config))
    rendered = katib.experiment(
        space.read(_read(options.space) if options.space else "", base),
        configs.parse(_text(options.config)),
        katib.ExperimentOptions(
            name=options.name,
            examples=options.examples,
            kind=options.kind,
            launcher=launcher,
            module=options.module,
        ),
    )
    return yaml.safe_dump(rendered, sort_keys=False, width=100)


def _text(given: str) -> str:
    """Returns a flag's JSON, read from a file if it names one."""
    return given if not given or given.lstrip().startswith("{") else _read(given)


def _read(name: str) -> str:
    try:
        return Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} cannot be read", cause=str(error)) from error


def _experiment(name: str) -> dict[str, Any]:
    text = sys.stdin.read() if name == "-" else _read(name)
    try:
        experiment = json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"{name} is not JSON",
            cause=str(error),
            hint="kubectl get experiment NAME -o json > experiment.json",
        ) from error
    return experiment if isinstance(experiment, dict) else {}
