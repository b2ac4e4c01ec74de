"""Every row of the loss table on arrays."""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest

import lacuna
from lacuna import _losses, losses

B, C = 6, 5


def labels() -> np.ndarray:
    """One positive and one negative a row, the rest unknown: what every loss has a meaning for."""
    y = np.full((B, C), np.nan)
    for row in range(B):
        y[row, row % C], y[row, (row + 1) % C] = 1, 0
    return y


def statistics() -> dict:
    known = np.nan_to_num(labels())
    return losses.class_statistics(np.vstack([known, known, 1 - known[:2]]))


def keywords(name: str) -> dict:
    row = _losses.ROWS[name]
    found = statistics() if row["statistics"] != "none" else {}
    if any(p["name"] == "expected_positives" for p in row["params"]):
        found["expected_positives"] = 1.5
    return found


def logits(name: str, seed: int = 3, scale: float = 1.0):
    rng = np.random.default_rng(seed)
    z = [(scale * rng.normal(size=(B, C))).astype(np.float32) for _ in range(_losses.ROWS[name]["matrices"])]
    return z if len(z) > 1 else z[0]


def of_call(name: str) -> dict:
    found = {"sample_ids": np.arange(B), "epoch": 2, "step": 3}
    if _losses.ROWS[name]["takes"] == "mixed-rows":
        found["mix"] = (np.arange(B), np.arange(B)[::-1], 0.3)
    return found


def listed(gradient) -> list:
    return gradient if isinstance(gradient, list) else [gradient]


def test_there_are_all_rows():
    assert len(losses.names()) == len(set(losses.names())) >= 100
    assert {"hill", "splc", "an_ls", "role", "pu_mlc_mix"} & set(losses.names()) >= {"hill", "splc", "an_ls", "role"}


@pytest.mark.parametrize("name", losses.names())
@pytest.mark.parametrize("scale", [1.0, 6.0])
def test_value_and_gradient_are_those_of_the_formula_in_64_bits(name, scale):
    z = logits(name, scale=scale)
    value, gradient = getattr(losses, name)(z, labels(), **keywords(name), **of_call(name))
    oracle = losses.Loss(name, classes=C, **keywords(name))
    expected, slopes = oracle.reference(z, labels(), **of_call(name))
    assert isinstance(value, float)
    assert value == pytest.approx(expected, rel=2e-4, abs=1e-5)
    for found, wanted in zip(listed(gradient), listed(slopes), strict=True):
        assert found.dtype == np.float32 and found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-4 * max(1e-3, np.abs(wanted).max()))


@pytest.mark.parametrize("name", losses.names())
def test_documentation_and_signature_come_from_the_table(name):
    row, function = _losses.ROWS[name], getattr(losses, name)
    for part in (row["formula"], row["paper"], str(row["year"]), row["labels"]):
        assert part in function.__doc__
    parameters = inspect.signature(function).parameters
    for param in row["params"]:
        found = parameters[_losses.python_name(param["name"])]
        assert found.default == param["default"] and found.kind is inspect.Parameter.KEYWORD_ONLY
        assert param["range"] in function.__doc__ and param["doc"] in function.__doc__
    assert "unknown" in parameters and "reduction" in parameters


def test_unknown_is_nan_none_or_a_stated_value():
    z = logits("partial_bce")
    nan = labels()
    none = nan.astype(object)
    none[np.isnan(nan)] = None
    stated = np.where(np.isnan(nan), -1, nan)
    only = np.where(np.isnan(nan), 0, np.where(nan == 1, 1, -1))
    expected, gradient = losses.partial_bce(z, nan)
    for y, unknown in ((none, np.nan), (none, None), (stated, -1), (only, 0), (stated.astype(int), -1)):
        value, found = losses.partial_bce(z, y, unknown=unknown)
        assert value == expected and (found == gradient).all()
    zeros, _ = losses.partial_bce(z, np.nan_to_num(nan))
    assert zeros != expected


def test_nothing_is_guessed():
    z = logits("hill")
    with pytest.raises(lacuna.DataError, match=r"row 0, class 2 \(counted from 0\) is -1\.0: expected 1, 0 and NaN"):
        losses.hill(z, np.where(np.isnan(labels()), -1, labels()))
    with pytest.raises(lacuna.DataError, match="is nan: -1 was stated"):
        losses.hill(z, labels(), unknown=-1)
    with pytest.raises(lacuna.DataError, match="unknown=1: 1 is a positive label"):
        losses.hill(z, labels(), unknown=1)
    with pytest.raises(lacuna.DataError, match="continuous"):
        losses.hill(z, np.full((B, C), 0.3))
    with pytest.raises(lacuna.DataError, match="'cat'"):
        losses.hill(z, np.full((B, C), "cat"))


def test_refusals_have_the_sentences_of_the_program():
    z = logits("hill")
    for call, sentence in (
        (lambda: losses.hill(z, labels(), gama=3), r"hill has no parameter `gama`; did you mean `gamma`\?"),
        (lambda: losses.hill(z, labels(), lambda_=-1), "hill: lambda = -1 is outside its range"),
        (lambda: losses.Loss("hil"), r"there is no loss `hil`; did you mean `hill`\?"),
        (lambda: losses.role([z, z], labels()), "role needs a value for expected_positives"),
        (lambda: losses.hill(z * np.nan, labels()), "the logit of row 0, class 0 is NaN"),
        (lambda: losses.hill(z, labels(), reduction="median"), "there is no reduction `median`"),
        (lambda: losses.hill(z[:, :3], labels()), r"logits of shape \(6, 3\) and labels of shape \(6, 5\)"),
        (lambda: losses.hill(z[:3], labels()), "entries"),
        (lambda: losses.role(z, labels(), expected_positives=1), "role takes a list of 2 logit matrices"),
        (lambda: losses.r_bce(z, labels()), "r-bce needs class_counts="),
        (lambda: losses.hill(z, labels(), sample_ids=[1]), "sample_ids: one for each of the 6 rows"),
    ):
        with pytest.raises(lacuna.DataError, match=sentence):
            call()
        with pytest.raises(ValueError):
            call()


def test_reductions_differ_as_they_say():
    z, y = logits("hill"), labels()
    total = losses.hill(z, y, reduction="sum")[0]
    assert losses.hill(z, y, reduction="mean")[0] == pytest.approx(total / (B * C), rel=1e-5)
    assert losses.hill(z, y, reduction="mean_known")[0] == pytest.approx(total / (2 * B), rel=1e-5)


def test_counts_are_those_of_the_labels():
    y = np.array([[1, np.nan, 1], [0, 1, 1]])
    found = losses.class_statistics(y)
    assert found["rows"] == 2 and found["class_counts"].tolist() == [1, 1, 2]
    assert found["co_occurrence"].tolist() == [[1, 0, 1], [0, 1, 1], [1, 1, 2]]


def test_state_is_kept_and_restored():
    name = next(n for n in losses.names() if losses.Loss(n, classes=C, **keywords(n)).state_dict())
    z, y = logits(name), labels()
    one = losses.Loss(name, classes=C, **keywords(name))
    one(z, y, **of_call(name))
    state = one.state_dict()
    other = losses.Loss(name, classes=C, **keywords(name))
    other.load_state_dict(state)
    assert other.state_dict() == state
    again = of_call(name) | {"step": 4}
    assert one(z, y, **again)[0] == other(z, y, **again)[0]
    with pytest.raises(lacuna.DataError):
        losses.Loss("hill").load_state_dict({"no": [1.0]})


@pytest.mark.parametrize("name", losses.names())
def test_losses_are_pickled_and_copied_with_their_state(name):
    one = losses.Loss(name, classes=C, **keywords(name))
    one(logits(name), labels(), **of_call(name))
    again = of_call(name) | {"step": 4}
    for other in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert other.state_dict() == one.state_dict()
        fresh = pickle.loads(pickle.dumps(one))
        assert other(logits(name), labels(), **again)[0] == fresh(logits(name), labels(), **again)[0]


def test_a_loss_that_writes_labels_says_how_many():
    writing = [n for n in losses.names() if losses.Loss(n, classes=C, **keywords(n)).labels_written() is not None]
    assert writing
    assert losses.Loss("hill").labels_written() is None


def test_arrays_in_other_layouts_are_the_same():
    z, y = logits("hill"), labels()
    expected = losses.hill(z, y)
    for other in (z.astype(np.float64), np.asfortranarray(z), np.repeat(z, 2, 0)[::2], z.tolist()):
        value, gradient = losses.hill(other, y)
        assert value == expected[0] and (gradient == expected[1]).all()


def test_a_mix_that_does_not_fit_is_refused():
    name = next(n for n in losses.names() if _losses.ROWS[n]["takes"] == "mixed-rows")
    for mix in ((np.arange(B), np.arange(B - 1), 0.3), (np.arange(B), np.arange(B), 1.5), ([9] * B, [0] * B, 0.3)):
        with pytest.raises(lacuna.DataError):
            getattr(losses, name)(logits(name), labels(), **keywords(name), **(of_call(name) | {"mix": mix}))
