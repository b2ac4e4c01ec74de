"""The scikit-learn estimator."""

from __future__ import annotations

import doctest
import io
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import lacuna
from lacuna import MissingLabelClassifier

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

#: Checks of scikit-learn that ask for what the estimator does not claim.
NOT_CLAIMED = {
    "check_estimators_dtypes": "labels of 1 and 2: names of two classes that exclude each other, not a matrix of 1, 0 and unknown",
    "check_classifier_data_not_an_array": "labels of 1 and 2, as above",
    "check_fit2d_1feature": "labels of 1 and 2, as above",
    "check_classifiers_classes": "one-dimensional labels that are names of classes",
    "check_classifiers_train": "asserts that predictions of labels of rows x 1 are one-dimensional",
    "check_decision_proba_consistency": "one-dimensional labels",
}


def test_scikit_learn_checks_everything_that_is_claimed(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(MissingLabelClassifier(), expected_failed_checks=NOT_CLAIMED, on_skip=None, on_fail=None)
    by = {status: [r for r in found if r["status"] == status] for status in ("passed", "failed", "xfail", "skipped")}
    with capsys.disabled():
        print(f"\ncheck_estimator of scikit-learn {sklearn.__version__}: {len(by['passed'])} passed")
        for name, why in NOT_CLAIMED.items():
            print(f"  skipped {name}: {why}")
        for record in by["skipped"]:
            print(f"  skipped by scikit-learn {record['check_name']}: {record['exception']}")
    assert not by["failed"], [(r["check_name"], r["exception"]) for r in by["failed"]]
    # A check that passes is not to be listed as one that cannot.
    assert {r["check_name"] for r in by["xfail"]} == set(NOT_CLAIMED)
    assert len(by["passed"]) > 40


def test_what_the_skipped_checks_look_at_holds_for_indicator_labels(drawn):
    x, _, y = drawn
    for dtype in (np.float32, np.float64, np.int32, np.int64):
        MissingLabelClassifier("bce").fit((20 * x).astype(dtype), y).predict(x)
    found = MissingLabelClassifier("bce").fit(x.tolist(), y.tolist())
    assert found.predict(x.tolist()).shape == y.shape
    one = MissingLabelClassifier("bce").fit(x[:, :1], y[:, :1])
    p, z = one.predict_proba(x[:, :1]), one.decision_function(x[:, :1])
    assert (np.diff(p[np.argsort(z[:, 0]), 0]) >= 0).all()
    assert ((p > 0.5) == one.predict(x[:, :1])).all()
    with pytest.raises(ValueError):
        MissingLabelClassifier("bce").fit(x, y[:-1])
    with pytest.raises(ValueError):
        one.predict(x)


def test_shapes_types_and_attributes(drawn):
    x, truth, y = drawn
    found = MissingLabelClassifier().fit(x, y)
    assert found.loss_ == "bce" and found.n_features_in_ == 8
    assert found.classes_.tolist() == [0, 1, 2] and found.class_names_ == ["0", "1", "2"]
    p, z = found.predict_proba(x), found.decision_function(x)
    assert p.shape == z.shape == truth.shape and p.dtype == z.dtype == np.float32
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-z.astype(float))), atol=1e-6)
    assert set(np.unique(found.predict(x))) == {0, 1} and (found.predict(x) == (p > 0.5)).all()
    assert (found.predict(x) == truth).mean() > 0.9
    assert 0.95 < found.score(x, truth) <= 1
    assert any("263" in note or "unknown cells" in note for note in found.notes_)
    assert found.explain(x, y)[0] == found.notes_[0]
    assert found.thresholds_.tolist() == [0.5] * 3


@pytest.mark.parametrize("loss", ["auto", "hill", "an"])
def test_unknown_is_stated(drawn, loss):
    x, _, y = drawn
    fit = lambda y, unknown: MissingLabelClassifier(loss, epochs=3, unknown=unknown).fit(x, y).predict_proba(x)  # noqa: E731
    expected = fit(y, np.nan)
    none = y.astype(object)
    none[np.isnan(y)] = None
    assert (fit(none, None) == expected).all()
    assert (fit(np.where(np.isnan(y), -1, y).astype(int), -1) == expected).all()
    assert (fit(np.where(np.isnan(y), 0, np.where(y == 1, 1, -1)), 0) == expected).all()
    with pytest.raises(lacuna.DataError, match="row .*, class .* is -1"):
        fit(np.where(np.isnan(y), -1, y), np.nan)


def test_pandas_frames_have_names_and_na(drawn):
    pandas = pytest.importorskip("pandas")
    x, _, y = drawn
    frame = pandas.DataFrame(y, columns=["cat", "dog", "owl"]).astype("Int64")
    found = MissingLabelClassifier("bce").fit(pandas.DataFrame(x, columns=[f"f{i}" for i in range(8)]), frame)
    assert found.class_names_ == ["cat", "dog", "owl"]
    assert list(found.feature_names_in_) == [f"f{i}" for i in range(8)]
    assert (found.predict_proba(pandas.DataFrame(x, columns=found.feature_names_in_)) == MissingLabelClassifier("bce").fit(x, y).predict_proba(x)).all()


def test_sparse_labels_have_zeros_where_nothing_is_stored(drawn):
    scipy = pytest.importorskip("scipy.sparse")
    x, truth, _ = drawn
    dense = MissingLabelClassifier("bce").fit(x, truth).predict_proba(x)
    assert (MissingLabelClassifier("bce").fit(x, scipy.csr_matrix(truth)).predict_proba(x) == dense).all()


def test_clone_parameters_pickle_and_joblib(drawn):
    joblib = pytest.importorskip("joblib")
    x, _, y = drawn
    made = MissingLabelClassifier("hill", transform="l2", loss_params={"margin": 0.5}, epochs=4, seed=3)
    assert made.get_params()["transform"] == "l2" and not hasattr(made, "transform")
    assert clone(made).get_params() == made.get_params()
    assert clone(made).set_params(transform="none", seed=1).get_params()["transform"] == "none"
    assert "MissingLabelClassifier(" in repr(made) and "'l2'" in repr(made)
    with pytest.raises(NotFittedError):
        made.predict(x)
    made.fit(x, y)
    for other in (pickle.loads(pickle.dumps(made)), pickle.loads(pickle.dumps(made, protocol=2))):
        assert (other.predict_proba(x) == made.predict_proba(x)).all()
        assert other.notes_ == made.notes_ and repr(other) == repr(made)
    file = io.BytesIO()
    joblib.dump(made, file)
    file.seek(0)
    assert (joblib.load(file).decision_function(x) == made.decision_function(x)).all()


def test_pipeline_and_cross_validation(drawn):
    x, truth, y = drawn
    line = make_pipeline(StandardScaler(), MissingLabelClassifier("bce"))
    assert line.fit(x, y).predict_proba(x).shape == y.shape
    assert line.score(x, truth) > 0.95
    assert cross_val_score(line, x, y, cv=KFold(3)).min() > 0.9
    assert cross_val_predict(line, x, y, cv=KFold(3)).shape == y.shape


def test_labels_that_cross_val_predict_has_renumbered_are_refused(drawn):
    """For probabilities it numbers the values of each column, so that NaN becomes 2."""
    x, _, y = drawn
    for labels, unknown in ((y, np.nan), (np.where(np.isnan(y), -1, y), -1)):
        with pytest.raises(lacuna.DataError, match="is 2"):
            cross_val_predict(MissingLabelClassifier("bce", unknown=unknown), x, labels, cv=KFold(3), method="predict_proba")


def test_a_stated_value_that_no_cell_has_warns(drawn):
    x, truth, _ = drawn
    with pytest.warns(UserWarning, match="unknown=-1 was stated, and no cell is -1"):
        MissingLabelClassifier("bce", unknown=-1).fit(x, truth)


@pytest.mark.parametrize("jobs", [1, 2])
def test_grid_search_with_nan_needs_kfold(drawn, jobs):
    x, _, y = drawn
    grid = {"weight_decay": [0.01, 1.0, 1e4], "transform": ["none", "standardise"]}
    search = GridSearchCV(MissingLabelClassifier("bce", threads=1), grid, cv=KFold(3), n_jobs=jobs).fit(x, y)
    assert search.best_params_["weight_decay"] < 1e4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    with pytest.raises(ValueError, match="NaN"):
        GridSearchCV(MissingLabelClassifier("bce"), grid, cv=3).fit(x, y)


def test_grid_search_with_a_stated_value_works_with_a_number_of_folds(drawn):
    x, _, y = drawn
    stated = np.where(np.isnan(y), -1, y).astype(int)
    grid = {"weight_decay": [0.01, 1.0, 1e4]}
    stating = GridSearchCV(MissingLabelClassifier("bce", unknown=-1), grid, cv=3).fit(x, stated)
    nan = GridSearchCV(MissingLabelClassifier("bce"), grid, cv=KFold(3)).fit(x, y)
    assert (stating.cv_results_["mean_test_score"] == nan.cv_results_["mean_test_score"]).all()


def test_score_without_negatives_warns(drawn):
    x, _, y = drawn
    y = np.where(y == 1, 1.0, np.nan)
    found = MissingLabelClassifier().fit(x, y)
    assert found.loss_ == "label-frequency"
    with pytest.warns(UserWarning, match="no negative is known"):
        assert 0 < found.score(x, y) < 1


def test_labels_that_look_incomplete_warn(drawn):
    x, _, _ = drawn
    one = np.eye(3)[np.arange(len(x)) % 3]
    with pytest.warns(UserWarning, match="no row has more than one positive"):
        MissingLabelClassifier("bce").fit(x, one)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MissingLabelClassifier("an", unknown=0).fit(x, one)


@pytest.mark.parametrize("head", ["linear", "cosine", "mlp:8", "mlp:8,4"])
def test_heads(drawn, head):
    x, _, y = drawn
    found = MissingLabelClassifier("hill", head=head, epochs=3).fit(x, y)
    assert found.model_.head.startswith(head.split(":")[0])
    again = MissingLabelClassifier("hill", head=head, epochs=3).fit(x, y)
    assert (found.predict_proba(x) == again.predict_proba(x)).all()
    other = MissingLabelClassifier("hill", head=head, epochs=3, seed=1).fit(x, y)
    assert (found.predict_proba(x) != other.predict_proba(x)).any()


def test_pictures_have_four_dimensions():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 1, 8, 8)).astype(np.float32)
    y = (x[:, 0, :4].mean((1, 2)) > 0).astype(float)[:, None]
    found = MissingLabelClassifier("bce", head="cnn:4", epochs=2).fit(x, y)
    assert found.predict_proba(x).shape == (60, 1)


def test_bits_do_not_depend_on_threads(drawn):
    x, _, y = drawn
    one, two = (MissingLabelClassifier(threads=n).fit(x, y).decision_function(x) for n in (1, 2))
    assert (one == two).all()
    with pytest.raises(lacuna.DataError, match="threads=0"):
        MissingLabelClassifier(threads=0).fit(x, y)


def test_features_are_borrowed_where_they_can_be(drawn):
    x, _, y = drawn
    made = MissingLabelClassifier()
    assert np.shares_memory(made._rows(x, reset=True)[0], x)
    assert not np.shares_memory(made._rows(np.asfortranarray(x), reset=True)[0], x)
    assert not np.shares_memory(made._rows(x.astype(np.float64), reset=True)[0], x)
    # While it works, the fit holds the array itself.
    before, during = sys.getrefcount(x), []
    told = lambda *_: during.append(sys.getrefcount(x))  # noqa: E731
    kept = x.copy()
    MissingLabelClassifier("hill", transform="none", epochs=3, progress=told).fit(x, y)
    assert min(during) > before and (x == kept).all()
    assert sys.getrefcount(x) == before


def test_wrong_settings_are_refused(drawn):
    x, _, y = drawn
    for settings, sentence in (
        ({"loss": "hil"}, "did you mean `hill`"),
        ({"loss": "hill", "loss_params": {"gama": 2}}, "did you mean `gamma`"),
        ({"head": "tree"}, "unknown head `tree`"),
        ({"transform": "standardize"}, "did you mean `standardise`"),
        ({"validation": 1.0}, "expected a share from 0 to below 1"),
        ({"weight_decay": -1.0}, "expected a number from 0 on"),
        ({"loss": "hill", "epochs": 0}, "epochs=0"),
        ({"loss": "hill", "learning_rate": -1.0}, "learning_rate=-1"),
    ):
        with pytest.raises(lacuna.DataError, match=sentence):
            MissingLabelClassifier(**settings).fit(x, y)
    with pytest.raises(lacuna.DataError, match="every label is positive|no known label|unknown"):
        MissingLabelClassifier().fit(x, np.full((len(x), 2), np.nan))


def test_thresholds_serve_a_goal(drawn):
    x, truth, y = drawn
    found = MissingLabelClassifier("bce").fit(x[:120], y[:120])
    found.choose_thresholds(x[120:], truth[120:], "recall:0.99")
    assert (found.thresholds_ < 0.5).any()
    predicted = found.predict(x[120:])
    assert (predicted[truth[120:] == 1] == 1).mean() > 0.98
    assert (predicted == (found.predict_proba(x[120:]) > found.thresholds_)).all()
    assert (pickle.loads(pickle.dumps(found)).thresholds_ == found.thresholds_).all()


def test_it_works_without_scikit_learn(drawn, tmp_path):
    code = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("sklearn", "pandas", "tqdm"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import numpy as np, lacuna
rng = np.random.default_rng(0)
x = rng.normal(size=(90, 4)).astype(np.float32)
y = (x[:, :2] > 0).astype(float)
y[::3] = np.nan
model = lacuna.MissingLabelClassifier("bce", seed=2, progress=True).fit(x, y)
assert model.predict(x).shape == (90, 2) and model.get_params()["seed"] == 2
assert model.set_params(seed=3).get_params()["seed"] == 3
table = lacuna.audit(x, y, top=3)
assert isinstance(table, dict) and list(table["rank"]) == [1, 2, 3]
for wrong in (lambda: lacuna.MissingLabelClassifier().predict(x), lambda: model.predict(x[:, :2]), lambda: model.fit(x[0], y)):
    try:
        wrong()
    except ValueError:
        pass
    else:
        raise SystemExit("it was not refused")
print("ok")
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout == "ok\n", found.stderr


def test_the_example_of_the_documentation_runs():
    from lacuna import _estimator

    found = doctest.testmod(_estimator)
    assert found.attempted > 4 and found.failed == 0


def test_importing_the_package_imports_neither_scikit_learn_nor_torch():
    code = "import sys, lacuna; lacuna.losses; assert not {'sklearn', 'torch', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
