"""The environment of the role features is held to what its image is, and what it imports late."""

import subprocess
import sys
from pathlib import Path

SMOKE = Path(__file__).resolve().parents[2] / "components" / "images" / "features" / "smoke.py"


def test_the_environment_passes_its_images_smoke_test():
    smoke = subprocess.run([sys.executable, str(SMOKE)], capture_output=True, text=True)

    assert smoke.returncode == 0, smoke.stderr


def test_feast_is_imported_by_what_needs_it_alone():
    code = "import sys, plimsoll.features.core; sys.exit('feast' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
