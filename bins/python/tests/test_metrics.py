"""Metrics: where a name is scikit-learn's, so is the value."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import lacuna
from lacuna import metrics

sk = pytest.importorskip("sklearn.metrics")


def case(seed: int, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random((60, 6)) < 0.3).astype(int)
    y[:2] = [[0] * 6, [1] * 6]
    scores = rng.random((60, 6))
    return y, np.round(scores, 1) if ties else scores


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ties", [False, True])
def test_names_of_scikit_learn_mean_the_same(seed, ties):
    y, s = case(seed, ties)
    predicted = (s > 0.5).astype(int)
    for average in ("micro", "macro", "samples", None):
        for name in ("f1_score", "precision_score", "recall_score", "jaccard_score"):
            for zero in (0, 1):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    expected = getattr(sk, name)(y, predicted, average=average, zero_division=zero)
                for given in (predicted, s):
                    found = getattr(metrics, name)(y, given, average=average, zero_division=zero)
                    np.testing.assert_allclose(found, expected, atol=1e-12, err_msg=name)
    for name in ("hamming_loss", "accuracy_score"):
        assert getattr(metrics, name)(y, predicted) == pytest.approx(getattr(sk, name)(y, predicted))
    for name in ("label_ranking_loss", "label_ranking_average_precision_score"):
        assert getattr(metrics, name)(y, s) == pytest.approx(getattr(sk, name)(y, s)), name
    for average in ("macro", None):
        for name in ("average_precision_score", "roc_auc_score"):
            np.testing.assert_allclose(
                getattr(metrics, name)(y, s, average=average), getattr(sk, name)(y, s, average=average), atol=1e-12
            )
    assert (metrics.multilabel_confusion_matrix(y, predicted) == sk.multilabel_confusion_matrix(y, predicted)).all()
    keep = y.any(1)
    expected = sk.coverage_error(y[keep], s[keep]) - 1
    assert metrics.coverage(y[keep], s[keep], one_sided_rows="perfect") == pytest.approx(expected)
    mcc = [sk.matthews_corrcoef(y[:, c], predicted[:, c]) for c in range(6)]
    np.testing.assert_allclose(metrics.matthews_corrcoef(y, predicted, average=None), mcc, atol=1e-12)
    if not ties:
        assert metrics.ndcg_at_k(y[keep], s[keep], 3) == pytest.approx(sk.ndcg_score(y[keep], s[keep], k=3))


def test_unknown_cells_take_no_part():
    y, s = case(1, False)
    unknown = np.random.default_rng(5).random(y.shape) < 0.3
    seen = np.where(unknown, np.nan, y)
    per_class = metrics.average_precision_score(seen, s, average=None)
    for c in range(6):
        known = ~unknown[:, c]
        assert per_class[c] == pytest.approx(sk.average_precision_score(y[known, c], s[known, c]))
    other = np.where(unknown, 0.123, s)
    for name in ("average_precision_score", "f1_score", "hamming_loss", "roc_auc_score", "label_ranking_loss", "brier_score"):
        assert getattr(metrics, name)(seen, s) == getattr(metrics, name)(seen, other)
    stated = np.where(unknown, -1, y)
    assert metrics.f1_score(stated, s, unknown=-1) == metrics.f1_score(seen, s)


def test_conventions_are_arguments():
    y, s = case(2, False)
    y[:, 0] = 0
    zero, skip = (metrics.average_precision_score(y, s, empty_class=c) for c in ("zero", "skip"))
    assert zero == pytest.approx(skip * 5 / 6) and np.isnan(metrics.average_precision_score(y, s, empty_class="nan"))
    flavours = [metrics.average_precision_score(y, s, flavour=f, average=None)[1] for f in ("sklearn", "asl", "voc07", "voc12")]
    assert len(set(flavours)) == 4
    asl, pu = metrics.overall(y, s), metrics.overall(y, s, flavour="pu-mlc", inclusive=True)
    assert asl.CF1 != pu.CF1 and asl.OR == pytest.approx(metrics.recall_score(y, s, average="micro"))
    best = metrics.best_threshold(y, s)
    at = metrics.f1_score(y, s, average="micro", threshold=best.OF1_threshold, inclusive=True)
    assert best.OF1 == pytest.approx(at)
    assert metrics.f1_score(y, s, threshold=[0.9] * 6) != metrics.f1_score(y, s)
    with pytest.raises(lacuna.DataError, match="expected one of sklearn, asl, voc07, voc12"):
        metrics.average_precision_score(y, s, flavour="coco")
    with pytest.raises(lacuna.DataError, match="expected 'micro', 'macro', 'samples' or None"):
        metrics.f1_score(y, s, average="weighted")
    with pytest.raises(lacuna.DataError, match="6 classes need as many thresholds, not 2"):
        metrics.f1_score(y, s, threshold=[0.5, 0.5])


def test_at_k_calibration_and_groups():
    y = np.array([[1, 0, 0, 1]])
    s = np.array([[0.9, 0.5, 0.1, 0.3]])
    assert metrics.precision_at_k(y, s, 3) == pytest.approx(2 / 3)
    assert (metrics.recall_at_k(y, s, 3), metrics.top_k(y, s, 1), metrics.one_error(y, s)) == (1.0, 1.0, 0.0)
    assert metrics.propensity_precision_at_k(np.eye(2), [[0.9, 0.1], [0.8, 0.2]], 1, [1, 4]) == pytest.approx(0.2)
    assert 0 < metrics.propensity_ndcg_at_k(np.eye(2), [[0.9, 0.1], [0.8, 0.2]], 1, [1, 4]) < 1
    truth, p = np.array([[1], [1], [1], [0]]), np.full((4, 1), 0.8)
    assert metrics.calibration_error(truth, p, n_bins=10) == pytest.approx(0.05)
    assert metrics.brier_score(truth, p) == pytest.approx((3 * 0.04 + 0.64) / 4)
    bins = metrics.reliability(truth, p, n_bins=10)
    assert bins["cells"].tolist() == [0] * 8 + [4, 0] and bins["positives"][8] == 3
    groups = metrics.class_groups([0.4, 0.6, 0.9], [775, 25, 4])
    assert (groups.head, groups.medium, groups.tail, groups.classes) == (0.4, 0.6, 0.9, (1, 1, 1))
    pooled, of_class = metrics.thresholds_for([[1], [0], [1], [0]], [[0.9], [0.5], [0.4], [0.1]])
    assert pooled == of_class[0] == pytest.approx(0.25)
    assert metrics.holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])


def test_resamples_and_intervals():
    y, s = case(3, False)
    ones = np.ones((1, 60), int)
    np.testing.assert_allclose(
        metrics.resampled_average_precision(y, s, ones)[0], metrics.average_precision_score(y, s, average=None), atol=1e-6
    )
    drawn = np.random.default_rng(0).multinomial(60, [1 / 60] * 60, size=20)
    assert metrics.resampled_average_precision(y, s, drawn).shape == (20, 6)
    found = metrics.crossed_interval([[1.0], [2.0], [3.0], [4.0], [5.0]])
    assert found.mean == 3 and found.high == pytest.approx(3 + 2.776 * 0.5**0.5, abs=1e-3) and found.p < 0.02


@pytest.mark.parametrize("name", list(metrics.table()))
def test_every_metric_of_the_programs(name):
    y, s = case(4, False)
    z = np.log(s) - np.log1p(-s)
    found = metrics.metric(name, y, z, train_counts=[200, 150, 50, 30, 10, 5])
    assert np.isfinite(found.value) and found.convention
    assert metrics.table()[name] in found.convention


def test_refusals():
    y, s = case(0, False)
    with pytest.raises(lacuna.DataError, match="row 0, class 0 .* is not a number"):
        metrics.average_precision_score(y, s * np.nan)
    with pytest.raises(lacuna.DataError, match="shape"):
        metrics.average_precision_score(y, s[:, :3])
    with pytest.raises(lacuna.DataError, match="did you mean `map`"):
        metrics.metric("mpa", y, s)
    with pytest.raises(lacuna.DataError, match="train_counts"):
        metrics.metric("map-tail", y, s)
    with pytest.raises(lacuna.DataError, match="probability"):
        metrics.brier_score(y, 5 * s)
