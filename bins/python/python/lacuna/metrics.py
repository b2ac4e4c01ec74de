"""Multi-label metrics that take their convention as an argument.

``y_true`` are labels: 1, 0, and NaN for unknown cells (or another value, stated with ``unknown=``), which no metric looks at.
``y_score`` are scores of the same shape, larger for more positive; ``y_pred`` are predictions of 0 and 1, or scores with a
``threshold``. Functions that have a name of scikit-learn are the same thing by default; all values are fractions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native
from ._errors import DataError
from ._labels import Codes, dense, label_codes

Floats = NDArray[np.float64]


def _scores(scores: Any, dtype: Any = np.float64) -> NDArray[Any]:
    found = dense(scores)
    if found.ndim != 2:
        raise DataError(f"scores: expected a matrix of rows x classes, found an array of shape {found.shape}")
    return np.ascontiguousarray(found, dtype)


def _labels(y: Any, unknown: Any) -> Codes:
    return label_codes(y, unknown, what="y_true")


def _undefined(value: Any) -> str:
    """scikit-learn's zero_division, or a name."""
    if isinstance(value, str):
        return value
    if value != value:
        return "skip"
    found = {0.0: "zero", 1.0: "one"}.get(float(value))
    if found is None:
        raise DataError(f"zero_division={value!r}: expected 0, 1, nan (left out), or 'zero', 'one', 'skip', 'nan'")
    return found


def _thresholds(threshold: Any) -> list[float]:
    return [float(t) for t in np.atleast_1d(np.asarray(threshold, np.float64))]


def _mean(found: tuple[float, list[float]], average: str | None, allowed: str = "macro") -> Any:
    if average is None:
        return np.asarray(found[1])
    if average != allowed:
        raise DataError(f"average={average!r}: expected {allowed!r} or None, which is one value a class")
    return found[0]


def average_precision_score(
    y_true: Any,
    y_score: Any,
    *,
    average: str | None = "macro",
    flavour: str = "sklearn",
    empty_class: str = "zero",
    unknown: Any = np.nan,
) -> Any:
    """Average precision: the mean over classes ("mAP"), or one value a class with ``average=None``.

    ``flavour``: 'sklearn', 'asl' (the code of ASL, with a term of 1e-8), 'voc07' (11 points), 'voc12' (the interpolated area).
    ``empty_class``: what a class without positives counts, 'zero', 'skip' or 'nan'.
    """
    found = _native.average_precision(_labels(y_true, unknown), _scores(y_score), flavour, empty_class)
    return _mean(found, average)


def _agreement(
    what: str, y_true: Any, y_pred: Any, threshold: Any, inclusive: bool, average: str | None, undefined: Any, unknown: Any
) -> Any:
    found = _native.agreement(
        what, _labels(y_true, unknown), _scores(y_pred), _thresholds(threshold), inclusive, average, _undefined(undefined)
    )
    return np.asarray(found) if average is None else found[0]


def f1_score(
    y_true: Any,
    y_pred: Any,
    *,
    average: str | None = "macro",
    zero_division: Any = 0.0,
    threshold: ArrayLike = 0.5,
    inclusive: bool = False,
    unknown: Any = np.nan,
) -> Any:
    """F1 = 2 TP / (2 TP + FP + FN). ``average``: 'micro', 'macro', 'samples' or None.

    ``zero_division``: what a ratio of nothing counts, 0, 1 or nan (left out of the mean), or 'zero', 'one', 'skip', 'nan'.
    ``threshold``: one number or one a class; ``inclusive``: whether a score at the threshold is positive.
    """
    return _agreement("f1", y_true, y_pred, threshold, inclusive, average, zero_division, unknown)


def precision_score(
    y_true: Any,
    y_pred: Any,
    *,
    average: str | None = "macro",
    zero_division: Any = 0.0,
    threshold: ArrayLike = 0.5,
    inclusive: bool = False,
    unknown: Any = np.nan,
) -> Any:
    """TP / (TP + FP). Arguments as for :func:`f1_score`."""
    return _agreement("precision", y_true, y_pred, threshold, inclusive, average, zero_division, unknown)


def recall_score(
    y_true: Any,
    y_pred: Any,
    *,
    average: str | None = "macro",
    zero_division: Any = 0.0,
    threshold: ArrayLike = 0.5,
    inclusive: bool = False,
    unknown: Any = np.nan,
) -> Any:
    """TP / (TP + FN). Arguments as for :func:`f1_score`."""
    return _agreement("recall", y_true, y_pred, threshold, inclusive, average, zero_division, unknown)


def jaccard_score(
    y_true: Any,
    y_pred: Any,
    *,
    average: str | None = "macro",
    zero_division: Any = 0.0,
    threshold: ArrayLike = 0.5,
    inclusive: bool = False,
    unknown: Any = np.nan,
) -> Any:
    """TP / (TP + FP + FN). Arguments as for :func:`f1_score`."""
    return _agreement("jaccard", y_true, y_pred, threshold, inclusive, average, zero_division, unknown)


def matthews_corrcoef(
    y_true: Any,
    y_pred: Any,
    *,
    average: str | None = "macro",
    zero_division: Any = 0.0,
    threshold: ArrayLike = 0.5,
    inclusive: bool = False,
    unknown: Any = np.nan,
) -> Any:
    """Matthews' correlation, averaged over classes. Arguments as for :func:`f1_score`."""
    return _agreement("mcc", y_true, y_pred, threshold, inclusive, average, zero_division, unknown)


def hamming_loss(
    y_true: Any, y_pred: Any, *, threshold: ArrayLike = 0.5, inclusive: bool = False, unknown: Any = np.nan
) -> float:
    """Share of the known cells that are predicted wrong."""
    return float(_agreement("hamming", y_true, y_pred, threshold, inclusive, "micro", 0.0, unknown))


def accuracy_score(
    y_true: Any, y_pred: Any, *, threshold: ArrayLike = 0.5, inclusive: bool = False, unknown: Any = np.nan
) -> float:
    """Subset accuracy: share of the rows whose known cells are all predicted right."""
    return float(_agreement("subset", y_true, y_pred, threshold, inclusive, "micro", 0.0, unknown))


def multilabel_confusion_matrix(
    y_true: Any, y_pred: Any, *, threshold: ArrayLike = 0.5, inclusive: bool = False, unknown: Any = np.nan
) -> NDArray[np.int64]:
    """[[TN, FP], [FN, TP]] of each class over its known cells, classes x 2 x 2."""
    found = _native.confusion(_labels(y_true, unknown), _scores(y_pred), _thresholds(threshold), inclusive)
    return np.asarray([[[tn, fp], [fn, tp]] for tp, fp, fn, tn in found], np.int64)


class Overall(NamedTuple):
    """Precision, recall and F1 of classes (C) and overall (O)."""

    CP: float
    CR: float
    CF1: float
    OP: float
    OR: float
    OF1: float


def overall(
    y_true: Any,
    y_pred: Any,
    *,
    flavour: str = "asl",
    threshold: ArrayLike = 0.5,
    inclusive: bool = False,
    unknown: Any = np.nan,
) -> Overall:
    """CP, CR, CF1, OP, OR and OF1 by one of two published definitions.

    'asl': CF1 is the mean of the F1 of the classes. 'pu-mlc': CF1 = 2 CP CR / (CP + CR), and a class of which nothing is predicted
    counts as predicted once (with ``inclusive=True`` in their code).
    """
    return Overall(
        *_native.overall(_labels(y_true, unknown), _scores(y_pred), _thresholds(threshold), inclusive, flavour)
    )


class BestThreshold(NamedTuple):
    """The largest OF1 and CF1, and the thresholds that have them."""

    OF1: float
    OF1_threshold: float | None
    CF1: float
    CF1_threshold: float | None


def best_threshold(
    y_true: Any, y_score: Any, *, thresholds: ArrayLike | None = None, unknown: Any = np.nan
) -> BestThreshold:
    """The largest OF1 and CF1 over thresholds of the evaluated rows themselves (0.01, 0.02, ... by default): an oracle."""
    given = None if thresholds is None else _thresholds(thresholds)
    return BestThreshold(*_native.best_threshold(_labels(y_true, unknown), _scores(y_score), given))


def thresholds_for(
    y_true: Any, y_score: Any, goal: str = "f1", *, unknown: Any = np.nan
) -> tuple[float | None, list[float | None]]:
    """The threshold over all cells together, and that of each class, that serve a goal; None where none does.

    ``goal``: 'f1', 'f-beta:B', 'precision:P', 'recall:R' or 'cardinality'. A class is predicted where its score is above it.
    """
    return _native.threshold_for(_labels(y_true, unknown), _scores(y_score, np.float32), goal)


def _ranking(y_true: Any, y_score: Any, one_sided_rows: str, unknown: Any) -> tuple[float, float, float, float, int]:
    return _native.row_ranking(_labels(y_true, unknown), _scores(y_score), one_sided_rows)


def label_ranking_loss(y_true: Any, y_score: Any, *, one_sided_rows: str = "perfect", unknown: Any = np.nan) -> float:
    """Share of the pairs of a positive and a negative of a row that are ranked the wrong way; equal scores count as wrong.

    ``one_sided_rows``: rows whose known cells are all positive or all negative are 'perfect' (scikit-learn), or 'skip' (Mulan).
    """
    return _ranking(y_true, y_score, one_sided_rows, unknown)[0]


def one_error(y_true: Any, y_score: Any, *, one_sided_rows: str = "skip", unknown: Any = np.nan) -> float:
    """Share of the rows whose best class is not positive."""
    return _ranking(y_true, y_score, one_sided_rows, unknown)[1]


def coverage(y_true: Any, y_score: Any, *, one_sided_rows: str = "skip", unknown: Any = np.nan) -> float:
    """Classes to go down beyond the first until all positives are found (scikit-learn's coverage_error counts the first too)."""
    return _ranking(y_true, y_score, one_sided_rows, unknown)[2]


def label_ranking_average_precision_score(
    y_true: Any, y_score: Any, *, one_sided_rows: str = "perfect", unknown: Any = np.nan
) -> float:
    """Mean over the positives of a row of the share of positives among the classes ranked at least as high."""
    return _ranking(y_true, y_score, one_sided_rows, unknown)[3]


def precision_at_k(y_true: Any, y_score: Any, k: int, *, unknown: Any = np.nan) -> float:
    """Positives among the first k classes of a row over k, mean over rows."""
    return _native.at_k(_labels(y_true, unknown), _scores(y_score), k)[0]


def recall_at_k(y_true: Any, y_score: Any, k: int, *, unknown: Any = np.nan) -> float:
    """Positives among the first k classes of a row over all positives of the row, mean over rows."""
    return _native.at_k(_labels(y_true, unknown), _scores(y_score), k)[1]


def top_k(y_true: Any, y_score: Any, k: int, *, unknown: Any = np.nan) -> float:
    """Share of the rows with a positive among their first k classes."""
    return _native.at_k(_labels(y_true, unknown), _scores(y_score), k)[2]


def ndcg_at_k(y_true: Any, y_score: Any, k: int, *, unknown: Any = np.nan) -> float:
    """Normalised discounted cumulative gain of the first k classes; a row without positives counts 0."""
    return _native.at_k(_labels(y_true, unknown), _scores(y_score), k)[3]


def propensity_precision_at_k(
    y_true: Any, y_score: Any, k: int, inverse_propensity: ArrayLike, *, unknown: Any = np.nan
) -> float:
    """PSP@k (Jain et al., KDD 2016): true positives of classes whose labels seldom survive count more."""
    weights = _thresholds(inverse_propensity)
    return _native.propensity_at_k(_labels(y_true, unknown), _scores(y_score), k, weights)[0]


def propensity_ndcg_at_k(
    y_true: Any, y_score: Any, k: int, inverse_propensity: ArrayLike, *, unknown: Any = np.nan
) -> float:
    """PSnDCG@k, as :func:`propensity_precision_at_k`."""
    weights = _thresholds(inverse_propensity)
    return _native.propensity_at_k(_labels(y_true, unknown), _scores(y_score), k, weights)[1]


def roc_auc_score(
    y_true: Any, y_score: Any, *, average: str | None = "macro", undefined: Any = "skip", unknown: Any = np.nan
) -> Any:
    """Share of the pairs of a positive and a negative row in which the positive scores higher; ties count half.

    ``undefined``: what a class without positives or without negatives counts: 'skip', 'zero', 'one' or 'nan'.
    """
    return _mean(_native.roc_auc(_labels(y_true, unknown), _scores(y_score), _undefined(undefined)), average)


def calibration_error(
    y_true: Any, y_prob: Any, *, n_bins: int = 15, per_class: bool = False, unknown: Any = np.nan
) -> float:
    """Expected calibration error over bins of equal width, of all cells or as the mean over classes (Guo et al., ICML 2017)."""
    return _native.calibration(_labels(y_true, unknown), _scores(y_prob), n_bins, per_class)


def reliability(y_true: Any, y_prob: Any, *, n_bins: int = 15, unknown: Any = np.nan) -> dict[str, NDArray[Any]]:
    """The bins of :func:`calibration_error`: ``low``, ``high``, ``cells``, ``positives`` and ``mean`` probability."""
    found = _native.reliability(_labels(y_true, unknown), _scores(y_prob), n_bins)
    return {name: np.asarray(column) for name, column in zip(("low", "high", "cells", "positives", "mean"), zip(*found))}


def brier_score(y_true: Any, y_prob: Any, *, unknown: Any = np.nan) -> float:
    """Mean of (p - y)^2 over the known cells."""
    return _native.brier_score(_labels(y_true, unknown), _scores(y_prob))


class GroupMeans(NamedTuple):
    """Means over classes; NaN for a group without classes."""

    total: float
    head: float
    medium: float
    tail: float
    #: How many classes head, medium and tail have.
    classes: tuple[int, int, int]


def class_groups(
    values: ArrayLike, train_counts: ArrayLike, *, head_from: int = 100, tail_below: int = 20
) -> GroupMeans:
    """Means of one value a class over frequent, medium and rare classes, by their positives in the training rows."""
    counts = [int(n) for n in np.asarray(train_counts).ravel()]
    total, head, medium, tail, classes = _native.class_groups(_thresholds(values), counts, head_from, tail_below)
    return GroupMeans(total, head, medium, tail, (classes[0], classes[1], classes[2]))


def resampled_average_precision(y_true: Any, y_score: Any, weights: ArrayLike, *, unknown: Any = np.nan) -> Floats:
    """Average precisions of resamples, resamples x classes: ``weights`` says how often each row was drawn, resamples x rows.

    For a paired bootstrap, two lists of scores are resampled with the same weights.
    """
    drawn = np.ascontiguousarray(np.atleast_2d(np.asarray(weights)), np.uint32)
    found = _native.resampled_average_precision(_labels(y_true, unknown), _scores(y_score, np.float32), drawn)
    return np.asarray(found)


class Interval(NamedTuple):
    """A mean with its 95 % interval and the two-sided p of no difference."""

    mean: float
    low: float
    high: float
    p: float


def crossed_interval(differences: ArrayLike) -> Interval:
    """The interval of the mean of differences of runs over two crossed random factors, masks x seeds (Student's t)."""
    runs = np.atleast_2d(np.asarray(differences, np.float64))
    return Interval(*_native.crossed_interval([list(map(float, row)) for row in runs]))


def holm(p: ArrayLike) -> Floats:
    """Holm's correction of several p."""
    return np.asarray(_native.holm(_thresholds(p)))


def table() -> dict[str, str]:
    """The metrics that the programs name, with their convention."""
    return {name: convention for name, convention, _ in _native.metric_table()}


class MetricValue(NamedTuple):
    """A value with its convention; most are in percent, as the convention says."""

    value: float
    convention: str


def metric(
    name: str, y_true: Any, logits: Any, *, train_counts: ArrayLike | None = None, unknown: Any = np.nan
) -> MetricValue:
    """A metric of :func:`table` by logits, as ``lacuna eval`` and ``repro`` print it."""
    counts = None if train_counts is None else [int(n) for n in np.asarray(train_counts).ravel()]
    return MetricValue(*_native.metric(name, _labels(y_true, unknown), _scores(logits, np.float32), counts))
