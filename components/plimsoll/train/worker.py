"""One process of a training that torchrun starts: ``python -m plimsoll.train.worker JOB.json``."""

import runpy

from plimsoll.processes import die_with_parent


def main() -> None:
    """Trains as ``plimsoll.train.loop.loop`` does, and never outlives torchrun.

    torchrun gives each process a session of its own, so that nothing else would reach it once
    torchrun was killed.
    """
    die_with_parent()
    runpy.run_module("plimsoll.train.loop.loop", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
