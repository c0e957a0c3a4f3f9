"""The role features has no component yet; its environment is held to what its image is."""

import subprocess
import sys
from pathlib import Path

SMOKE = Path(__file__).resolve().parents[2] / "components" / "images" / "features" / "smoke.py"


def test_the_environment_passes_its_images_smoke_test():
    smoke = subprocess.run([sys.executable, str(SMOKE)], capture_output=True, text=True)

    assert smoke.returncode == 0, smoke.stderr
