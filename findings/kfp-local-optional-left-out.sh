#!/usr/bin/env bash
# kfp 2.17.0: an input `Optional[int] = None` that is left out compiles, and cannot be run by kfp.local.
#
# A component may declare an input as Optional with the default None; the compiled YAML marks it isOptional and gives it
# no default. The local runner (executor_input_to_dict in kfp/local/executor_input_utils.py) casts each input by its
# declared type, int(None) included, so the task raises a TypeError before its process is started. A default of the
# type itself (0, "", {}) works.
#
# The script fails if this changes: then such inputs may be declared Optional.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check kfp==2.17.0
cat >"$folder/optional.py" <<'PYTHON'
from typing import Optional

from kfp import dsl, local

local.init(local.SubprocessRunner(use_venv=False))


@dsl.component(install_kfp_package=False)
def shown(number: Optional[int] = None) -> str:
    return repr(number)


print("given 3:  ", shown(number=3).output)
try:
    print("left out: ", shown().output)
except TypeError as error:
    print("left out:  TypeError:", error)
PYTHON
cd "$folder"
PATH="$folder/venv/bin:$PATH" "$folder/venv/bin/python" optional.py 2>/dev/null | grep -E '^(given|left)' | tee "$folder/output"
grep -q '^left out:  TypeError: int() argument must be' "$folder/output"
