"""Every protocol that hides labels."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import lacuna
from lacuna import _masks, masks


def truth() -> np.ndarray:
    rng = np.random.default_rng(2)
    y = (rng.random((300, 7)) < 0.3).astype(int)
    y[:, 0] = 1
    return y


@pytest.mark.parametrize("name", masks.names())
def test_every_protocol(name):
    row, function, y = _masks.ROWS[name], getattr(masks, name), truth()
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    assert row["source"] in function.__doc__ and row["doc"] in function.__doc__
    defaults = {n: p.default for n, p in inspect.signature(function).parameters.items()}
    for setting in row["settings"]:
        assert defaults[setting["name"]] == setting["default"] and setting["doc"] in function.__doc__
    found, again = function(y, seed=3, X=x), function(y, seed=3, X=x)
    if row["role"] == "select":
        assert isinstance(found, masks.Masked) and len(found.rows) == len(found.labels) <= 300
        np.testing.assert_array_equal(found.rows, again.rows)
        kept, labels, other = y[found.rows], found.labels, again.labels
    else:
        kept, labels, other = y, found, again
    np.testing.assert_array_equal(labels, other)
    known = ~np.isnan(labels)
    if row["role"] == "noise":
        assert (labels[known] != kept[known]).any()
    else:
        assert (labels[known] == kept[known]).all()
    whole = masks.apply(row["name"], y, seed=3, X=x)
    np.testing.assert_array_equal(whole.labels, labels)


def test_the_published_mask_and_its_summary():
    y = truth()
    seen = masks.single_positive(y)
    assert np.nansum(seen) == 300 and (seen == 1).sum(1).tolist() == [1] * 300
    found = masks.summary(y, seen)
    assert found["positives"] == y.sum() and found["positives_kept"] == 300 and found["rows_emptied"] == 0
    assert found["keep_rates"].shape == (7,)
    stated = masks.single_positive(y, unknown=-1)
    np.testing.assert_array_equal(stated == -1, np.isnan(seen))
    assert masks.labelled_share(y).shape == y.shape and masks.apply("labelled-share", y).order is not None


def test_splits():
    train, val = masks.holdout(23)
    assert val.tolist() == [0, 7, 13, 18, 19] and len(train) == 18
    y = truth()
    folds = masks.stratified(y, folds=3)
    assert sorted(np.concatenate([val for _, val in folds])) == list(range(300))
    assert max(abs(y[val].mean() - y.mean()) for _, val in folds) < 0.02
    [(train, val)] = masks.stratified(y, share=0.25)
    assert len(train) + len(val) == 300 and 60 < len(val) < 90


def test_refusals():
    y = truth()
    with pytest.raises(lacuna.DataError, match="features"):
        masks.instance_drop(y)
    with pytest.raises(lacuna.DataError, match="has no setting `rat`"):
        masks.random_drop(y, rat=0.3)
    with pytest.raises(lacuna.DataError, match="rate"):
        masks.random_drop(y, rate=1.5)
    with pytest.raises(lacuna.DataError, match="there is no protocol"):
        masks.apply("nothing", y)
    with pytest.raises(lacuna.DataError, match="needs true labels"):
        masks.random_drop(np.where(y == 0, np.nan, y))
    with pytest.raises(lacuna.DataError, match="rows of features"):
        masks.instance_drop(y, X=np.zeros((3, 2)))
