"""A thousand fits leave no thread, no open file and no memory behind."""

from __future__ import annotations

import gc
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

import lacuna

FITS = 1000


def threads() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("Threads:")))


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


def memory() -> int:
    """Bytes of memory that the process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="no /proc")
def test_a_thousand_fits_leave_nothing_behind(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 64)).astype(np.float32)
    y = (x[:, :6] > 0).astype(np.float32)
    y[rng.random(y.shape) < 0.4] = np.nan
    broken = np.where(np.isnan(y), np.nan, 1)
    broken[:] = 1

    def stop(*_: object) -> None:
        raise RuntimeError

    def once(i: int) -> None:
        settings = ({"loss": "bce", "epochs": 5}, {"loss": "hill", "epochs": 1}, {"loss": "wan", "head": "mlp:8", "epochs": 1})[i % 3]
        made = lacuna.MissingLabelClassifier(**settings, seed=i, threads=1 + i % 2).fit(x, y)
        made.predict_proba(x)
        if i % 10 == 0:
            pickle.loads(pickle.dumps(made)).predict(x)
            made.save(tmp_path / "head", replace=True)
            lacuna.load(tmp_path / "head")
            lacuna.losses.hill(x[:, :6], y)
        if i % 10 == 1:
            with pytest.raises(lacuna.DataError):
                lacuna.MissingLabelClassifier("bce").fit(x, broken)
        if i % 10 == 2:
            with pytest.raises(RuntimeError):
                lacuna.MissingLabelClassifier("hill", progress=stop, epochs=50).fit(x, y)
        if i % 100 == 3:
            lacuna.audit(x, y, loss="bce", folds=2, top=5)

    seen = []
    for i in range(FITS):
        once(i)
        if i + 1 in (200, 600, FITS):
            gc.collect()
            seen.append((threads(), files(), memory()))
    print(f"\nthreads, open files and MiB after 200, 600 and {FITS} fits: {[(t, f, round(m / 2**20, 1)) for t, f, m in seen]}")
    (threads_before, files_before, _), (_, _, middle), (threads_after, files_after, after) = seen
    assert (threads_after, files_after) == (threads_before, files_before)
    # One copy of the features is 0.1 MiB: a copy kept in each of 400 fits would be 39 MiB.
    assert after - middle < 4 * 2**20, seen
