"""Missing and wrong labels: lacuna's audit beside plain logistic regression and cleanlab, on the same labels and folds.

The example `quality` of the package lacuna hides labels of a set whose truth is known (or adds wrong ones), audits it, and writes
features, labels, folds and ranks; this script ranks the same cells by out-of-fold probabilities of scikit-learn's logistic
regression (features of length 1, or standardised; unknown cells are negatives), by those probabilities as they are and by
cleanlab's scores of label quality, and prints the share of right entries at N/4, N/2 and N, N the number of wrong labels.
Kinds: single, half, added, candidates.

    python benches/peers/audit.py --kinds single half -- ../shared/data/ucmerced ../shared/data/movieposter
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

# Threads that wait for each other inside one small regression make it ten times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.simplefilter("ignore")

import cleanlab
import numpy as np
import sklearn
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression

MASKS = 1200, 1201, 1202
root = Path(__file__).resolve().parents[2]


def transformed(x, how):
    """Features of length 1, or with mean 0 and deviation 1 in each column."""
    if how == "l2":
        return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    return (x - x.mean(0)) / np.maximum(x.std(0), 1e-8)


def probabilities(x, y, folds):
    """Of every cell by a regression without the row; of a class that has one value in the training rows, that value."""
    def of_class(train, held, column):
        if column[train].min() == column[train].max():
            return np.full(held.sum(), column[train][0], float)
        model = LogisticRegression(max_iter=1000).fit(x[train], column[train])
        return model.predict_proba(x[held])[:, 1]

    p = np.zeros(y.shape)
    for fold in np.unique(folds):
        held = folds == fold
        p[held] = np.stack([of_class(~held, held, y[:, c]) for c in range(y.shape[1])], 1)
    return p


def quality(p, y, adjusted):
    """cleanlab's scores of each class, taken as a task with two classes: low where the label is probably wrong."""
    scores = np.zeros(y.shape)
    for c in range(y.shape[1]):
        both = np.stack([1 - p[:, c], p[:, c]], 1)
        method = "normalized_margin" if adjusted else "self_confidence"
        try:
            scores[:, c] = get_label_quality_scores(y[:, c], both, method=method, adjust_pred_probs=adjusted)
        except ValueError:
            # A class without an example has no threshold.
            scores[:, c] = get_label_quality_scores(y[:, c], both, method=method)
    return scores


def issues(p, y):
    """Cells that the confident joint takes for wrong come first, each part by self-confidence."""
    scores = quality(p, y, False)
    for c in range(y.shape[1]):
        if y[:, c].min() == y[:, c].max():
            continue
        found = find_label_issues(y[:, c], np.stack([1 - p[:, c], p[:, c]], 1), filter_by="both")
        scores[found, c] -= 1
    return scores


def precisions(order, wrong):
    """Share of wrong labels among the first N/4, N/2 and N, in percent."""
    n = int(wrong.sum())
    return [100 * wrong[order[:k]].mean() for k in (n // 4, n // 2, n)], n


def rankings(folder, adds, ours):
    """Orders of the candidates, the most suspicious first, by the name of the method (`ours`: of lacuna alone); and whether each is wrong."""
    x, truth, given, folds, ranks = (np.load(f"{folder}/{name}.npy") for name in ("x", "truth", "given", "folds", "ranks"))
    y = (given == 1).astype(int)
    cells = np.flatnonzero(y == 1 if adds else y == 0)
    wrong = (truth != y).ravel()[cells]
    orders = {"lacuna": np.argsort(ranks.ravel()[cells], kind="stable")}
    for how in () if ours else ("l2", "standardise"):
        start = time.perf_counter()
        p = probabilities(transformed(x, how), y, folds)
        seconds = time.perf_counter() - start
        by = p.ravel()[cells] if adds else -p.ravel()[cells]
        orders[f"logistic regression, {how}"] = np.argsort(by, kind="stable")
        for name, scores in (("margin", quality(p, y, True)), ("confident joint", issues(p, y))):
            orders[f"cleanlab {name}, {how}"] = np.argsort(scores.ravel()[cells], kind="stable")
        print(f"    regression, {how}: {seconds:.1f} s", flush=True)
    return orders, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", default=["single", "half"])
    parser.add_argument("--ours", action="store_true", help="lacuna alone, without the regressions")
    parser.add_argument("--out", help="file for the figures, JSON")
    parser.add_argument("folders", nargs="+")
    args = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "-p", "lacuna", "--example", "quality"], cwd=root, check=True)
    print(f"scikit-learn {sklearn.__version__}, cleanlab {cleanlab.__version__}; means over masks {MASKS}")
    figures = []
    for folder in args.folders:
        for kind in args.kinds:
            found, numbers, seconds = {}, [], []
            for mask in MASKS:
                with tempfile.TemporaryDirectory() as out:
                    command = [root / "target/release/examples/quality", "--files", out, kind, str(mask), folder]
                    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                    seconds.append(json.loads(printed)["seconds"])
                    orders, wrong = rankings(out, kind in ("added", "candidates"), args.ours)
                for name, order in orders.items():
                    values, n = precisions(order, wrong)
                    found.setdefault(name, []).append(values)
                numbers.append(n)
            print(f"{folder} {kind}: N {np.mean(numbers):.0f}, audit {np.mean(seconds):.1f} s")
            for name, values in found.items():
                means = np.mean(values, 0)
                print(f"  {name:38} {means[0]:5.1f} {means[1]:5.1f} {means[2]:5.1f}", flush=True)
                figures.append({"data": Path(folder).name, "kind": kind, "method": name, "n": numbers, "precision": values})
    if args.out:
        Path(args.out).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
