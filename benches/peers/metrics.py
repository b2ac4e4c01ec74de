"""scikit-learn's metrics of 40,000 x 80 scores, the same that `benches/examples/ours.rs` measures. `run.py` alternates the two
and holds their values against each other.

    pip install scikit-learn numpy
    python benches/peers/metrics.py
    python benches/peers/metrics.py metric/map --seconds 2

scikit-learn computes them on one thread, whatever `--threads` says.
"""

import numpy as np
from sklearn import metrics as sk

from common import Rows, pattern, positives

ROWS, CLASSES = 40_000, 80


def main():
    rows = Rows(__doc__)
    labels = positives(ROWS * CLASSES, 0.036)
    # The sum of four uniform numbers, and 1/2 for positives.
    wide = sum(pattern(ROWS * CLASSES, salt).astype(np.float64) for salt in range(3, 7)) + 0.5 * labels
    labels, scores = labels.astype(np.uint8).reshape(ROWS, CLASSES), wide.astype(np.float32).reshape(ROWS, CLASSES)
    wide = scores.astype(np.float64)
    work = {
        "map": lambda: sk.average_precision_score(labels, scores, average="macro"),
        "map-f64": lambda: sk.average_precision_score(labels, wide, average="macro"),
        "auroc": lambda: sk.roc_auc_score(labels, scores, average="macro"),
        "f1": lambda: sk.f1_score(labels, scores > 0.5, average="macro"),
        "lrap": lambda: sk.label_ranking_average_precision_score(labels, scores),
        "ranking-loss": lambda: sk.label_ranking_loss(labels, scores),
        # Its depth counts the first class as well, except in rows without positives.
        "coverage": lambda: sk.coverage_error(labels, scores) - labels.any(axis=1).mean(),
    }
    for name, value in work.items():
        rows.row("scikit-learn", f"metric/{name}", lambda: lambda: [value()])


if __name__ == "__main__":
    main()
