"""The scikit-learn estimator.

It derives from scikit-learn's base classes where scikit-learn is installed, for clone, tags, representation and metadata routing; else
from a small class with ``get_params`` and ``set_params``, so that it works without.
"""

from __future__ import annotations

import copyreg
import inspect
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._arrays import column_names, features, picture
from ._errors import DataError
from ._labels import is_stated, label_codes
from ._progress import Shown
from .metrics import average_precision_score

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted, validate_data

    _SKLEARN = True
except ImportError:
    _SKLEARN = False

    class NotFittedError(ValueError, AttributeError):  # type: ignore[no-redef]
        """The estimator was not fitted."""

    class ClassifierMixin:  # type: ignore[no-redef]
        """Stands for the class of scikit-learn."""

    class BaseEstimator:  # type: ignore[no-redef]
        """What is needed of scikit-learn's class where it is not installed."""

        def set_params(self, **params: Any) -> Any:
            """Changes arguments of the constructor."""
            known = list(inspect.signature(type(self)).parameters)
            for name, value in params.items():
                if name not in known:
                    raise DataError(f"Invalid parameter {name!r}; there are {', '.join(known)}")
                setattr(self, name, value)
            return self


_FILES = "head.safetensors", "head.json"


def _model_of(files: dict[str, bytes]) -> _native.Model:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        return _native.Model.load(folder)


def _reduced(model: _native.Model) -> tuple[Any, tuple[dict[str, bytes]]]:
    """A model is pickled as the two files that it is saved as."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder, True)
        return _model_of, ({name: Path(folder, name).read_bytes() for name in _FILES},)


copyreg.pickle(_native.Model, _reduced)  # type: ignore[arg-type]


class _Argument:
    """An argument of the constructor that is no attribute of the object.

    scikit-learn takes an estimator with an attribute ``transform`` for a transformer, whatever the attribute is.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        raise AttributeError(f"{self.name!r} is an argument of the constructor: get_params()[{self.name!r}]", name=self.name)

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self.name] = value


class MissingLabelClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A multi-label classifier on features whose labels may be unknown.

    ``y`` is rows x classes: 1 positive, 0 negative, and NaN (or None) unknown. Another value of unknown cells is stated with
    ``unknown``, and never guessed: ``unknown=-1`` for labels of 1, 0 and -1, ``unknown=0`` where only positives are labelled. With
    ``unknown=0`` a negative is -1.

    What is not said is chosen by the data: with ``loss="auto"`` the loss by the labels, transform and penalty by held-out observed
    labels. ``notes_`` says what was chosen and why, and :meth:`explain` says it before training.

    Parameters
    ----------
    loss : name of a loss of :mod:`lacuna.losses`, or 'auto'
    head : 'linear', 'cosine', 'mlp:512' (hidden sizes by comma) or 'cnn:16,32' (channels; X is rows x channels x height x width)
    transform : 'auto', 'none', 'l2', 'standardise', 'l2-standardise' or 'pca:components=64'
    validation : share of the rows that is held out to choose an epoch by; a linear head with a smooth loss needs none
    unknown : value of unknown cells: NaN, None, or a number other than 1
    seed : seed of everything that is drawn; the same data, settings and seed give the same bits for any number of threads
    threads : number of threads, or None for all processors
    loss_params : parameters of the loss, for instance {'expected_positives': 3.0}
    epochs : epochs; for a linear head with a smooth loss, most iterations of L-BFGS
    batch : rows of a batch, 32 by default; L-BFGS takes all rows at once
    learning_rate : largest learning rate of Adam
    weight_decay : k of the penalty k/2 |W|^2 beside the sum of the loss: 1/C of scikit-learn's LogisticRegression
    progress : 'auto' shows progress in a terminal or a notebook, with tqdm where it is installed; True, False, or a function that is
        called with stage, done and total

    Attributes
    ----------
    classes_ : numbers of the classes
    class_names_ : names of the classes, those of the columns of a data frame
    n_features_in_ : number of features
    loss_ : the loss that was trained
    notes_ : what was chosen and why, one sentence each
    model_ : the trained head

    There is no ``partial_fit``: a linear head is fitted by minimising over all rows, the other heads under a schedule whose length is
    part of the method; a sequence of calls would be another method under the same name.

    X is borrowed, not copied, where it is a C-contiguous array of float32, and must not be changed by another thread during ``fit``.

    >>> import numpy as np, lacuna
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 8)).astype(np.float32)
    >>> Y = (X[:, :3] > 0).astype(float)
    >>> Y[rng.random(Y.shape) < 0.4] = np.nan
    >>> lacuna.MissingLabelClassifier().fit(X, Y).predict_proba(X).shape
    (200, 3)
    """

    transform = _Argument()
    model_: _native.Model

    def __init__(
        self,
        loss: str = "auto",
        *,
        head: str = "linear",
        transform: str = "auto",
        validation: float = 0.2,
        unknown: Any = np.nan,
        seed: int = 0,
        threads: int | None = None,
        loss_params: dict[str, float] | None = None,
        epochs: int | None = None,
        batch: int | None = None,
        learning_rate: float | None = None,
        weight_decay: float | None = None,
        progress: Any = "auto",
    ) -> None:
        self.loss = loss
        self.head = head
        self.transform = transform
        self.validation = validation
        self.unknown = unknown
        self.seed = seed
        self.threads = threads
        self.loss_params = loss_params
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.progress = progress

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {name: vars(self)[name] for name in inspect.signature(type(self)).parameters}

    def fit(self, X: Any, y: Any) -> MissingLabelClassifier:
        """Trains on rows x features and rows x classes. Ctrl-C stops it, after the iteration or epoch that is under way."""
        if y is None:
            raise DataError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        x, image = self._rows(X, reset=True)
        codes, names = self._labels(y, fitting=True)
        if len(x) == 1 and len(codes) == 1:
            raise DataError("1 sample: at least two rows are needed to learn from")
        settings = self._settings()
        with Shown(self.progress) as progress:
            model = _native.fit(
                settings, x, codes, classes=names, image=image, threads=self.threads, progress=progress
            )
        return self._fitted(model)

    def explain(self, X: Any, y: Any) -> list[str]:
        """What would be chosen for these data and why, one sentence each, without the training that follows."""
        rows, image = picture(X)
        codes, _ = self._labels(y)
        return _native.explain(self._settings(), features(rows), codes, image=image, threads=self.threads)

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Probabilities, rows x classes; each class by itself, so that rows need not sum to 1."""
        return self._predicted(X)[1]

    def decision_function(self, X: Any) -> NDArray[np.float32]:
        """Logits, rows x classes."""
        return self._predicted(X)[0]

    def predict(self, X: Any) -> NDArray[np.int64]:
        """1 where the probability is above the threshold of the class (0.5, or see :meth:`choose_thresholds`), else 0."""
        self._check_fitted()
        x, _ = self._rows(X, reset=False)
        found: NDArray[np.int64] = (self.model_.decide(x) > 0).astype(np.int64)
        return found

    def score(self, X: Any, y: Any) -> float:
        """Mean average precision over the known cells of the classes with a known positive, from 0 to 1.

        Where no negative is known every ranking is perfect; unknown cells then count as negatives, which a warning says: every missing
        label counts against the head, and the number is too low.
        """
        logits = self.decision_function(X)
        codes, _ = self._labels(y)
        if not (codes < 0).any() and (codes == 0).any():
            warnings.warn(
                "no negative is known: unknown cells count as negatives, so that every missing label counts against the head and the "
                "score is too low",
                UserWarning,
                stacklevel=2,
            )
            codes = np.where(codes == 0, np.int8(-1), codes)
        labels = np.where(codes == 0, np.nan, (codes > 0).astype(np.float32))
        return float(average_precision_score(labels, logits, empty_class="skip"))

    def choose_thresholds(self, X: Any, y: Any, goal: str = "f1", *, least: int = 5) -> MissingLabelClassifier:
        """Chooses the thresholds of :meth:`predict` on the known cells of rows that did not train.

        ``goal``: 'f1', 'f-beta:B', 'precision:P', 'recall:R' or 'cardinality'. A class with fewer than ``least`` known positives or
        negatives gets the threshold of all cells together. ``threshold_notes_`` says for which classes.
        """
        self._check_fitted()
        x, _ = self._rows(X, reset=False)
        codes, _ = self._labels(y)
        self.model_, self.threshold_notes_ = self.model_.with_thresholds(x, codes, goal, least)
        return self

    @property
    def thresholds_(self) -> NDArray[np.float32]:
        """The threshold of each class."""
        self._check_fitted()
        found = self.model_.thresholds
        return np.full(len(self.classes_), 0.5, np.float32) if found is None else np.asarray(found, np.float32)

    def save(self, folder: str | os.PathLike[str], *, replace: bool = False) -> None:
        """Writes head.safetensors, which ``torch.nn`` loads, and head.json: the program ``lacuna`` reads them, and :func:`lacuna.load`."""
        self._check_fitted()
        self.model_.save(os.fspath(folder), replace)

    def _settings(self) -> _native.Settings:
        transform = vars(self)["transform"]
        return _native.Settings(
            self.loss,
            head=self.head,
            params=self.loss_params,
            transform=None if transform in ("auto", None) else transform,
            validation=float(self.validation),
            epochs=self.epochs,
            batch=self.batch,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            seed=self.seed,
        )

    def _labels(self, y: Any, *, fitting: bool = False) -> tuple[NDArray[np.int8], list[str] | None]:
        codes = label_codes(y, self.unknown, what="y")
        if fitting and is_stated(self.unknown) and codes.all():
            warnings.warn(
                f"unknown={self.unknown} was stated, and no cell is {self.unknown}: every label counts as known",
                UserWarning,
                stacklevel=3,
            )
        if fitting and codes.shape[1] > 2 and codes.all() and ((codes > 0).sum(1) <= 1).all():
            warnings.warn(
                "every cell is known and no row has more than one positive, which is what incomplete labels look like: if 0 means that "
                "nobody looked, say unknown=0",
                UserWarning,
                stacklevel=3,
            )
        return codes, column_names(y)

    def _rows(self, X: Any, *, reset: bool) -> tuple[NDArray[np.float32], list[int] | None]:
        X, image = picture(X)
        if _SKLEARN:
            X = validate_data(self, X, reset=reset, dtype=np.float32, order="C", accept_sparse=False)
            return X, image
        x = features(X)
        if reset:
            self.n_features_in_ = x.shape[1]
        elif x.shape[1] != self.n_features_in_:
            raise DataError(f"X has {x.shape[1]} features, but {type(self).__name__} is expecting {self.n_features_in_} features as input")
        return x, image

    def _predicted(self, X: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self._check_fitted()
        x, _ = self._rows(X, reset=False)
        return self.model_.predict(x)

    def _check_fitted(self) -> None:
        if _SKLEARN:
            check_is_fitted(self, "model_")
        elif not hasattr(self, "model_"):
            raise NotFittedError(f"This {type(self).__name__} instance is not fitted yet: call fit first")

    def _fitted(self, model: _native.Model) -> MissingLabelClassifier:
        self.model_ = model
        self.class_names_ = model.classes
        self.classes_ = np.arange(len(self.class_names_))
        self.loss_ = model.loss
        self.notes_ = model.notes
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.target_tags.two_d_labels = True
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        return tags


def load(folder: str | os.PathLike[str]) -> MissingLabelClassifier:
    """A head that :meth:`MissingLabelClassifier.save` or the program ``lacuna`` saved, as a fitted classifier."""
    model = _native.Model.load(os.fspath(folder))
    classifier = MissingLabelClassifier(
        model.loss, head=model.head, seed=model.seed, loss_params=model.params or None
    )
    classifier.n_features_in_ = model.features
    return classifier._fitted(model)
