"""lacuna.MissingLabelClassifier beside scikit-learn's OneVsRestClassifier(LogisticRegression), and the wheel beside the library.

Data are folders in SPML layout, as `../shared/data/ucmerced`. On complete labels both minimise the same function: standardised
features, the penalty k/2 |W|^2 with k = 1/C, no penalty on the biases; time and mAP of both are printed. On single positives
and on labels of which half are unknown scikit-learn has no word for an unknown cell: they are negatives there, and for lacuna
with `loss="auto"` they are unknown. Fits alternate; times are medians.

`--overhead` holds `fit` through the wheel against `Fit::fit` of the library on the same arrays (`benches/examples/fit.rs`), in turns. Times of a
shared machine differ by more than what the wheel costs, so that what is done around the fit is timed by itself as well.

    pip install ./bins/python scikit-learn
    python benches/peers/classifier.py -- ../shared/data/ucmerced
    python benches/peers/classifier.py --overhead -- ../shared/data/ucmerced
"""

import argparse
import os
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

# Set before NumPy is loaded: BLAS reads it once.
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("data", nargs="+", help="folders in SPML layout")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--overhead", action="store_true", help="the wheel beside the library")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = os.environ["RAYON_NUM_THREADS"] = str(args.threads)

import lacuna
import numpy as np
import sklearn
from lacuna import _native
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

root = Path(__file__).resolve().parents[2]


def timed(make, x, y):
    """Seconds of a fit, and the fitted estimator."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = make().fit(x, y)
    return time.perf_counter() - start, fitted


def scikit(penalty):
    """One regression a class on standardised features; a feature that never varies stays 0 on both sides."""
    return lambda: make_pipeline(
        StandardScaler(), OneVsRestClassifier(LogisticRegression(C=1 / penalty, tol=1e-6, max_iter=1000))
    )


def compare(folder):
    """A line for each kind of labels."""
    train, test = lacuna.read(folder), lacuna.read(folder, part="test")
    x, truth, penalty = train.features, train.labels, train.features.shape[1] / 16
    single = lacuna.masks.single_positive(truth)
    half = lacuna.masks.known_cells(truth, known=0.5)
    own = lambda **settings: lambda: lacuna.MissingLabelClassifier(threads=args.threads, progress=False, **settings)
    same = own(loss="bce", transform="standardise", weight_decay=penalty)
    for kind, labels, ours in (
        ("complete, the same penalty", truth, same),
        ("single positives", single, own()),
        ("half of the cells known", half, own()),
    ):
        times = {"lacuna": [], "scikit-learn": []}
        for _ in range(args.rounds):
            seconds, mine = timed(ours, x, labels)
            times["lacuna"].append(seconds)
            seconds, theirs = timed(scikit(penalty), x, np.nan_to_num(labels).astype(int))
            times["scikit-learn"].append(seconds)
        of = {
            "lacuna": mine.decision_function(test.features),
            "scikit-learn": theirs.decision_function(test.features),
        }
        maps = {name: 100 * average_precision_score(test.labels, z, average="macro") for name, z in of.items()}
        ratios = [theirs / mine for mine, theirs in zip(times["lacuna"], times["scikit-learn"])]
        print(
            f"{Path(folder).name}, {kind}: lacuna {median(times['lacuna']):.3f} s, mAP {maps['lacuna']:.2f}; scikit-learn "
            f"{median(times['scikit-learn']):.3f} s, mAP {maps['scikit-learn']:.2f}; time of scikit-learn over lacuna "
            f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )


def around(x, y, model):
    """Seconds of a fit without the fit: checks and labels in Python, then arrays, labels and the thread on the other side."""
    real, seconds = _native.fit, []
    codes, settings = np.nan_to_num(2 * y - 1).astype(np.int8), _native.Settings("hill")
    for _ in range(20):
        start = time.perf_counter()
        _native.fit = lambda *_, **__: model
        lacuna.MissingLabelClassifier("hill", progress=False).fit(x, y)
        _native.fit = real
        # What a fit begins with, up to its choices.
        _native.explain(settings, x, codes, threads=args.threads)
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def overhead(folder):
    """The wheel and the library in turns, on the same arrays; the heads are the same bytes."""
    data = lacuna.read(folder)
    x = np.ascontiguousarray(data.features)
    for kind, loss, epochs, y in (
        ("complete, bce", "bce", None, data.labels),
        ("single positives, auto", "auto", None, lacuna.masks.single_positive(data.labels)),
        ("single positives, hill", "hill", 20, lacuna.masks.single_positive(data.labels)),
    ):
        with tempfile.TemporaryDirectory() as place:
            place = Path(place)
            np.save(place / "x.npy", x)
            np.save(place / "y.npy", np.nan_to_num(2 * y - 1).astype(np.int8))
            command = ["cargo", "run", "--quiet", "--release", "-p", "lacuna-benches", "--example", "fit", "--"]
            command += [place / "x.npy", place / "y.npy", place / "library", args.rounds, loss, *([epochs] if epochs else [])]
            library = subprocess.Popen(
                [str(part) for part in command], cwd=root, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            times = {"library": [], "wheel": []}
            for _ in range(args.rounds):
                library.stdin.write("\n")
                library.stdin.flush()
                times["library"].append(float(library.stdout.readline()))
                made = lambda: lacuna.MissingLabelClassifier(loss, epochs=epochs, threads=args.threads, progress=False)
                seconds, model = timed(made, x, y)
                times["wheel"].append(seconds)
            library.stdin.close()
            assert library.wait() == 0
            model.save(place / "wheel")
            name = "head.safetensors"
            assert (place / "library" / name).read_bytes() == (place / "wheel" / name).read_bytes(), "other weights"
            ratios = [wheel / library for wheel, library in zip(times["wheel"], times["library"])]
            extra = around(x, y, model.model_)
            print(
                f"{Path(folder).name}, {kind}: library {median(times['library']):.4f} s, wheel {median(times['wheel']):.4f} s, "
                f"median of the ratios {median(ratios):.4f} ({min(ratios):.3f} to {max(ratios):.3f}); around the fit {1e3 * extra:.2f} ms, "
                f"{100 * extra / median(times['library']):.2f} % of it; the same bytes",
                flush=True,
            )


print(f"lacuna {lacuna.__version__} ({lacuna.simd()}), scikit-learn {sklearn.__version__}, {args.threads} threads, {args.rounds} rounds")
for folder in args.data:
    (overhead if args.overhead else compare)(folder)
