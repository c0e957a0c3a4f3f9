"""That what the claims of speed rest on runs."""

import pytest
from benchmarks import data_gate


@pytest.mark.slow
def test_ours_and_a_bare_pass_are_timed_on_the_same_files(capsys, monkeypatch):
    bare = [other for other in data_gate.OTHERS if other[1] == "arrow_pass"]
    monkeypatch.setattr(data_gate, "OTHERS", bare)
    data_gate.main(["--rows", "20000", "--no-growth"])
    lines = capsys.readouterr().out.splitlines()
    ours = next(line for line in lines if line.startswith("ours"))
    assert "0 anomalies; drifted: amount6" in ours
    assert any(line.startswith("a bare pass") and "18 columns" in line for line in lines)


def test_a_contender_that_fails_is_told(capsys, monkeypatch, tmp_path):
    import subprocess

    def fails(*args):
        raise subprocess.CalledProcessError(1, "ours")

    found = {"seconds": 1.0, "busy_seconds": 1.0, "peak_mb": 9.0, "found": "nothing"}
    monkeypatch.setattr(data_gate, "made", lambda *args: (tmp_path, tmp_path))
    monkeypatch.setattr(
        data_gate, "run", lambda program, *args: found if program == "ours" else fails()
    )
    data_gate.compare(tmp_path, data_gate.Size(1000), [("another", "other", "data")])
    assert "another" in (told := capsys.readouterr().out)
    assert "failed" in told
