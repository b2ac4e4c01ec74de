"""Metrics of 40,000 x 80 scores: scikit-learn beside lacuna, on the same numbers in the same run.

The example `peers` of the package lacuna-metrics reads the scores and labels this script writes, prints its values and
the median of its times; rounds of the two alternate, so that both see the same machine.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import sklearn
from sklearn import metrics as sk

ROWS, CLASSES, ROUNDS = 40_000, 80, 5
root = Path(__file__).resolve().parents[2]


def median_seconds(work, times=1):
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        value = work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), value


def main():
    rng = np.random.RandomState(80)
    labels = (rng.random_sample((ROWS, CLASSES)) < 0.036).astype(np.uint8)
    scores = (rng.standard_normal((ROWS, CLASSES)) + labels).astype(np.float32)
    predicted = scores > 0.5
    theirs = {
        "map f32": lambda: sk.average_precision_score(labels, scores, average="macro"),
        "map f64": lambda: sk.average_precision_score(labels, scores.astype(np.float64), average="macro"),
        "auroc": lambda: sk.roc_auc_score(labels, scores, average="macro"),
        "f1 macro": lambda: sk.f1_score(labels, predicted, average="macro"),
        "lrap": lambda: sk.label_ranking_average_precision_score(labels, scores),
        "ranking loss": lambda: sk.label_ranking_loss(labels, scores),
        # Its depth counts the first class as well, except in rows without positives.
        "coverage": lambda: sk.coverage_error(labels, scores) - labels.any(axis=1).mean(),
    }
    build = ["cargo", "build", "--release", "-p", "lacuna-metrics", "--example", "peers"]
    subprocess.run(build, cwd=root, check=True)
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/scores.npy", scores)
        np.save(f"{folder}/labels.npy", labels)
        times = {name: ([], []) for name in theirs}
        for _ in range(ROUNDS):
            command = [root / "target/release/examples/peers", folder]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            ours = json.loads(out)
            for name, work in theirs.items():
                seconds, value = median_seconds(work)
                times[name][0].append(ours[name]["seconds"])
                times[name][1].append(seconds)
                difference = abs(ours[name]["value"] - value)
                if not difference <= 1e-12 * max(1.0, abs(value)):
                    sys.exit(f"{name}: {ours[name]['value']!r} here, {value!r} there")
    print(f"{ROWS} x {CLASSES}, scikit-learn {sklearn.__version__}, numpy {np.__version__}, {ROUNDS} rounds, medians")
    print(f"{'metric':<14}{'lacuna':>12}{'scikit-learn':>15}{'ratio':>9}   values agree to 1e-12")
    for name, (own, other) in times.items():
        own, other = statistics.median(own), statistics.median(other)
        print(f"{name:<14}{1e3 * own:>9.1f} ms{1e3 * other:>12.1f} ms{other / own:>8.1f}x")


if __name__ == "__main__":
    main()
