"""What one training has to do: a file that every process of it reads."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import ArtifactError
from plimsoll.formats.examples import MANIFEST
from plimsoll.storage.files import checked_manifest, read_json, write_json
from plimsoll.train.config import TrainConfig

FORMAT = "plimsoll.train-job/1"
JOB_FILE = "job.json"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training of one network. Every path must be reachable from every process."""

    examples: Path
    """The examples artifact."""
    out: Path
    """The folder that comes to be: ``network.json``, ``weights.safetensors``, ``history.json``."""
    config: TrainConfig
    """Nothing is left open; ``model`` is a family of networks."""
    logs: Path | None = None
    """Folder of ``progress.jsonl`` and of TensorBoard's files; None: neither is written."""
    checkpoints: Path | None = None
    """Folder of checkpoints, resumed from if one is there; None: none are taken."""
    start_from: Path | None = None
    """A model's folder whose weights are the first ones (fine-tuning); None: fresh weights."""
    module: str = ""
    """Source of the user's own network; empty unless ``config.model`` is ``module``."""

    @property
    def title(self) -> str:
        """What is trained, as a person knows it: the problem's name, or its label."""
        try:
            problem = read_json(self.examples / MANIFEST)["problem"]
            return str(problem.get("name") or problem["label"])
        except (ArtifactError, AttributeError, KeyError, OSError, TypeError):
            # Damaged examples are refused where they are read.
            return self.examples.name

    def write(self, folder: Path) -> Path:
        """Writes the job into a folder, and returns its file."""
        values = dataclasses.asdict(self)
        paths = {name: str(item) for name, item in values.items() if isinstance(item, Path)}
        path = folder / JOB_FILE
        write_json(path, {**values, **paths, "format": FORMAT, "config": self.config.to_dict()})
        return path


def read_job(path: Path) -> Job:
    """Reads a job's file.

    Raises:
        ArtifactError: if it is missing, or of another format version.
        ConfigError: if its config does not hold.
    """
    values: dict[str, Any] = checked_manifest(path.parent, path.name, FORMAT)
    values.pop("format", None)
    for name in ("examples", "out", "logs", "checkpoints", "start_from"):
        values[name] = Path(values[name]) if values[name] is not None else None
    return Job(**{**values, "config": TrainConfig(**values["config"])})
