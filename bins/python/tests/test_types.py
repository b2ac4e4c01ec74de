"""Type stubs: true, and of use to mypy. Those of losses and protocols are written by tests in Rust (`.ci/write`)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("mypy")

HERE = Path(__file__).resolve().parents[1]

USER = '''
import numpy as np
from numpy.typing import NDArray
from typing import Any
import lacuna

x: NDArray[np.float32] = np.zeros((4, 2), np.float32)
y = np.array([[1, np.nan], [0, 1]])
model = lacuna.MissingLabelClassifier("hill", loss_params={"margin": 0.5}).fit(x, y)
p: NDArray[np.float32] = model.predict_proba(x)
value, gradient = lacuna.losses.hill(x, y, lambda_=1.5)
number: float = value
slope: NDArray[np.float32] = gradient
values, gradients = lacuna.losses.role([x, x], y, expected_positives=1.5)
several: list[NDArray[np.float32]] = gradients
seen: NDArray[np.float32] = lacuna.masks.random_drop(y, rate=0.4)
rows = lacuna.masks.long_tail(y).rows
score: float = lacuna.metrics.label_ranking_loss(y, x)
table: Any = lacuna.audit(x, y, top=10)
report = lacuna.Report(x, y)
notes: list[str] = report.notes
data = lacuna.read("openclipart")
'''


def environment() -> Mapping[str, str]:
    import lacuna

    place = Path(lacuna.__file__).parents[1]
    # mypy finds what is installed by itself.
    return os.environ if place.name == "site-packages" else os.environ | {"MYPYPATH": str(place)}


def test_stubs_are_what_the_modules_are(tmp_path):
    # PyO3 makes it.
    allowed = tmp_path / "allowed"
    allowed.write_text("lacuna._native.__all__\n")
    modules = ["lacuna._native", "lacuna.losses", "lacuna.masks", "lacuna.metrics"]
    command = [sys.executable, "-m", "mypy.stubtest", *modules, "--concise", "--mypy-config-file", HERE / "pyproject.toml"]
    command += ["--allowlist", allowed]
    found = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=HERE)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_package_passes_mypy_strict():
    found = subprocess.run([sys.executable, "-m", "mypy"], capture_output=True, text=True, cwd=HERE)
    assert found.returncode == 0, found.stdout + found.stderr


def test_mypy_strict_knows_what_a_user_writes(tmp_path):
    def checked(text: str) -> str:
        path = tmp_path / "user.py"
        path.write_text(text)
        command = [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, str(path)]
        return subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=tmp_path).stdout

    assert "Success" in checked(USER), checked(USER)
    for wrong in (
        "lacuna.losses.hill(x, y, gama=1.5)",
        "lacuna.losses.hill(x, y, lambda_='a')",
        "lacuna.losses.nothing(x, y)",
        "lacuna.MissingLabelClassifier(los='hill')",
        "number = lacuna.masks.random_drop(y)",
    ):
        assert "error" in checked(USER + wrong), wrong
