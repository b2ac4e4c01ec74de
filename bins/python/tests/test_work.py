"""Ctrl-C, progress, the lock of the interpreter, threads and the check of the processor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import lacuna
from lacuna import _native


def long_fit(progress=None, epochs: int = 100_000) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 64)).astype(np.float32)
    y = np.where(x[:, :8] > 0, np.int8(1), np.int8(-1))
    settings = _native.Settings("hill", epochs=epochs)
    _native.fit(settings, x, y, threads=1, progress=progress)


def test_ctrl_c_ends_a_fit():
    # A process that a shell starts in the background inherits a SIGINT that is ignored, and Python leaves it at that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    start = time.monotonic()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            long_fit()
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - start < 10


def test_other_threads_run_during_a_fit():
    counted, stop = [0], threading.Event()

    def count() -> None:
        while not stop.wait(0.005):
            counted[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    try:
        start = time.monotonic()
        long_fit(epochs=200)
        seconds = time.monotonic() - start
    finally:
        stop.set()
        thread.join()
    # With the lock held, the other thread would count once or twice.
    assert counted[0] > 20 * seconds, (counted, seconds)


def test_progress_is_told_and_its_exception_ends_the_fit():
    seen = []

    def progress(stage: str, done: int, total: int) -> None:
        seen.append((stage, done, total))
        if len(seen) == 3:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        long_fit(progress)
    assert len(seen) == 3 and all(stage == "training" and 0 <= done <= total for stage, done, total in seen)


def test_the_last_word_of_a_short_fit_is_told():
    seen = []
    long_fit(lambda *told: seen.append(told), epochs=2)
    assert seen[-1] == ("training", 2, 2)


def test_two_fits_at_once_give_the_bits_of_one_after_the_other(drawn):
    x, _, y = drawn
    fit = lambda seed: lacuna.MissingLabelClassifier("hill", epochs=20, seed=seed).fit(x, y).decision_function(x)  # noqa: E731
    expected = [fit(seed) for seed in range(4)]
    found: list = [None] * 4
    threads = [threading.Thread(target=lambda i=i: found.__setitem__(i, fit(i))) for i in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert all((one == other).all() for one, other in zip(expected, found))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_that_was_forked_after_a_fit_can_fit(drawn):
    code = """
import os, warnings, numpy as np, lacuna
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
x = rng.normal(size=(90, 4)).astype(np.float32)
y = (x[:, :2] > 0).astype(float)
first = lacuna.MissingLabelClassifier("bce").fit(x, y).decision_function(x)
child = os.fork()
if child == 0:
    same = (lacuna.MissingLabelClassifier("bce").fit(x, y).decision_function(x) == first).all()
    os._exit(0 if same else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_processor_without_avx2_gets_an_import_error():
    if "x86-64-v3" not in lacuna.simd():
        pytest.skip(f"built for {lacuna.simd()}")
    environment = os.environ | {"LACUNA_CPU_MASK": "avx2"}
    found = subprocess.run([sys.executable, "-c", "import lacuna"], capture_output=True, text=True, env=environment)
    assert found.returncode == 1
    last = found.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: lacuna: this program was built for x86-64-v3 (AVX2, FMA) and this processor lacks avx2;")
