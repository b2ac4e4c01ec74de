"""What several tests share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]


def _data() -> Path:
    """LACUNA_DATA, else the folder `shared/data` beside the repository."""
    given = os.environ.get("LACUNA_DATA")
    return Path(given) if given else ROOT.parent / "shared" / "data"


@pytest.fixture
def ucmerced() -> Path:
    """The UC Merced features."""
    folder = _data() / "ucmerced"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: set LACUNA_DATA")
    return folder


@pytest.fixture
def program() -> Path:
    """The program `lacuna`, of a release build."""
    target = Path(os.environ.get("LACUNA_PROGRAM_TARGET") or ROOT / "target")
    found = target / "release" / "lacuna"
    if not found.is_file():
        pytest.skip("no program: cargo build --release -p lacuna")
    return found


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, true labels by the signs of the first three of them, and labels of which 40 % are unknown."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 8)).astype(np.float32)
    truth = (x[:, :3] > 0.2).astype(np.float32)
    observed = truth.copy()
    observed[rng.random(truth.shape) < 0.4] = np.nan
    return x, truth, observed
