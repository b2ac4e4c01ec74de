"""What the functions of :mod:`lacuna.losses` are made of."""

from __future__ import annotations

import inspect
import keyword
from typing import Any, Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native
from ._errors import DataError
from ._labels import dense, label_codes

Row = dict[str, Any]

#: The rows of the table by their Python name.
ROWS: dict[str, Row] = {}

_MATRICES = {
    "logits": "",
    "estimates": "z is a list: the logits of a batch, then the logits of label estimates of the same rows",
    "mixed-rows": (
        "z is a list: the logits of a batch, then the logits of mixed rows; mix=(first, second, share) says which rows those are "
        "made of: share x row first[i] + (1 - share) x row second[i]"
    ),
    "branches": "z is a list: the logits that three heads give for the same rows",
    "background": "z is a list: the logits of a batch, then the logits of as many background rows",
    "views": "z is a list: the logits of the weakly augmented batch, then those of the strongly augmented one",
}


def python_name(name: str) -> str:
    """The name of a row or parameter in Python: ``an-ls`` is ``an_ls``, ``lambda`` is ``lambda_``."""
    name = name.replace("-", "_")
    return name + "_" if keyword.iskeyword(name) else name


def _matrix(z: Any, dtype: Any) -> NDArray[Any]:
    found = dense(z)
    if found.ndim != 2:
        raise DataError(f"logits: expected a matrix of rows x classes, found an array of shape {found.shape}")
    if found.dtype.kind not in "fiub":
        raise DataError(f"logits: expected numbers, found an array of {found.dtype}")
    return np.ascontiguousarray(found, dtype)


def _matrices(z: Any, row: Row, dtype: Any) -> list[NDArray[Any]]:
    if row["matrices"] == 1:
        return [_matrix(z, dtype)]
    if not isinstance(z, (list, tuple)):
        raise DataError(f"{row['name']} takes a list of {row['matrices']} logit matrices: {_MATRICES[row['takes']]}")
    return [_matrix(part, dtype) for part in z]


class Loss:
    """A loss with its parameters and its state.

    Losses that depend on the epoch, write labels or draw at random keep their state here, so that a training loop may call
    the same object for every batch. The functions of this module make one for each call.

    ::

        loss = lacuna.losses.Loss("large-loss-permanent")
        for epoch in range(epochs):
            loss.begin_epoch(epoch)
            value, gradient = loss(z, y, epoch=epoch, sample_ids=rows)
    """

    def __init__(
        self,
        name: str,
        *,
        classes: int | None = None,
        reduction: str | None = None,
        rows: float | None = None,
        class_counts: ArrayLike | None = None,
        co_occurrence: ArrayLike | None = None,
        unknown: Any = np.nan,
        **params: float,
    ) -> None:
        self._row = _row(name)
        self._unknown = unknown
        self._arguments = {
            "classes": classes,
            "reduction": reduction,
            "rows": rows,
            "class_counts": class_counts,
            "co_occurrence": co_occurrence,
            "unknown": unknown,
            **params,
        }
        own = {python_name(param["name"]): param["name"] for param in self._row["params"]}
        given = {own.get(key, key): float(value) for key, value in params.items() if value is not None}
        if self._row["statistics"] != "none" and (class_counts is None or rows is None):
            raise DataError(
                f"{self._row['name']} needs class_counts=, the positives of each class in the training set, and rows=, the number of its "
                "rows: lacuna.losses.class_statistics(Y) counts them"
            )
        if self._row["statistics"] == "co-occurrence" and co_occurrence is None:
            raise DataError(
                f"{self._row['name']} needs co_occurrence=, in how many rows two classes are positive together: "
                "lacuna.losses.class_statistics(Y) counts it"
            )
        counts = None if class_counts is None else [float(n) for n in np.asarray(class_counts).ravel()]
        together = None if co_occurrence is None else np.ascontiguousarray(co_occurrence, np.float64)
        self._native = _native.Loss(
            self._row["name"],
            given,
            classes=classes if classes is not None else (None if counts is None else len(counts)),
            reduction=reduction,
            rows=None if rows is None else float(rows),
            class_counts=counts,
            co_occurrence=together,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, and copied, as its arguments and its state."""
        return _made, (self.name, self._arguments, self.state_dict())

    @property
    def name(self) -> str:
        """Name of the row."""
        return str(self._row["name"])

    def __repr__(self) -> str:
        return f"Loss({self.name!r})"

    def codes(self, y: Any) -> NDArray[np.int8]:
        """Labels as 1, 0 for unknown and -1."""
        return label_codes(y, self._unknown)

    def __call__(
        self,
        z: Any,
        y: Any,
        *,
        epoch: int = 0,
        step: int = 0,
        sample_ids: ArrayLike | None = None,
        soft: ArrayLike | None = None,
        mix: tuple[Any, Any, float] | None = None,
    ) -> tuple[float, Any]:
        """Value and gradient; for several matrices of logits a list of gradients.

        ``epoch`` and ``step`` are counted from 0. ``sample_ids`` are the numbers of the rows in the training set. ``soft`` are target
        probabilities in place of labels, for losses that take them.
        """
        logits = _matrices(z, self._row, np.float32)
        value, gradients = self._native.evaluate(
            logits, self.codes(y), epoch=epoch, step=step, **_more(sample_ids, soft, mix)
        )
        return value, gradients[0] if self._row["matrices"] == 1 else gradients

    def reference(
        self,
        z: Any,
        y: Any,
        *,
        epoch: int = 0,
        step: int = 0,
        sample_ids: ArrayLike | None = None,
        soft: ArrayLike | None = None,
        mix: tuple[Any, Any, float] | None = None,
    ) -> tuple[float, Any]:
        """The same by the formula itself in 64 bits, derived in dual numbers: an oracle for small batches, and slow."""
        logits = _matrices(z, self._row, np.float64)
        value, gradients = self._native.reference(
            logits, self.codes(y), epoch=epoch, step=step, **_more(sample_ids, soft, mix)
        )
        return value, gradients[0] if self._row["matrices"] == 1 else gradients

    def begin_epoch(self, epoch: int) -> None:
        """To be called before the first batch of an epoch, counted from 0."""
        self._native.begin_epoch(epoch)

    def wants_train_pass(self, epoch: int) -> bool:
        """Whether :meth:`end_epoch` is wanted after this epoch."""
        return self._native.wants_train_pass(epoch)

    def end_epoch(self, epoch: int, z: Any, y: Any) -> None:
        """Shows a loss that writes labels the logits of all training rows after an epoch. Row i has sample id i."""
        self._native.end_epoch(epoch, _matrix(z, np.float32), self.codes(y))

    def labels_written(self) -> int | None:
        """Number of cells whose labels the loss has replaced; None where it replaces none."""
        return self._native.labels_written()

    def state_dict(self) -> dict[str, list[float]]:
        """The state, empty where there is none."""
        return dict(self._native.state())

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        """Takes back what :meth:`state_dict` gave."""
        self._native.restore(list(state.items()))


def _made(name: str, arguments: dict[str, Any], state: dict[str, list[float]]) -> Loss:
    loss = Loss(name, **arguments)
    if state:
        loss.load_state_dict(state)
    return loss


def _more(sample_ids: Any, soft: Any, mix: Any) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if sample_ids is not None:
        more["sample_ids"] = np.ascontiguousarray(dense(sample_ids), np.uint32)
    if soft is not None:
        more["soft"] = _matrix(soft, np.float32)
    if mix is not None:
        first, second, share = mix
        more["mix"] = ([int(i) for i in dense(first)], [int(i) for i in dense(second)], float(share))
    return more


def class_statistics(y: Any, *, unknown: Any = np.nan) -> dict[str, Any]:
    """Counts of the training labels, as keywords of the losses that need them: ``rows``, ``class_counts`` and ``co_occurrence``."""
    rows, counts, together = _native.class_statistics(label_codes(y, unknown))
    return {"rows": rows, "class_counts": np.asarray(counts), "co_occurrence": together}


def names() -> list[str]:
    """Names of all losses, as functions of this module."""
    return list(ROWS)


def _row(name: str) -> Row:
    row = ROWS.get(python_name(name))
    if row is None:
        # The error has the names that may be meant.
        _native.Loss(name, {})
        raise DataError(f"there is no loss `{name}`")
    return row


def describe(row: Row, *, tensors: bool = False) -> str:
    """The documentation of a row."""
    array = "tensor" if tensors else "array"
    lines = [f"{row['title'][:1].upper()}{row['title'][1:]} ({row['year']}).", "", f"    {row['formula']}", ""]
    if row["experimental"]:
        lines += ["Experimental: nobody has published numbers that this code could be held against.", ""]
    lines += [f"{row['paper']}.", "", f"Labels: {row['labels']}."]
    if row["takes"] != "logits":
        lines += ["", f"{_MATRICES[row['takes']]}."]
    lines += ["", "Parameters", "----------", f"z : {array} of logits, rows x classes", "y : labels: 1, 0, and NaN (or the value of `unknown`)"]
    for param in row["params"]:
        default = "from the data" if param["default"] is None else f"{param['default']:g}"
        lines += [f"{python_name(param['name'])} : float, default {default}, in {param['range']}", f"    {param['doc']}"]
    if row["statistics"] != "none":
        lines += ["rows, class_counts : rows of the training set, and positives of each class in it; see `class_statistics`"]
    if row["statistics"] == "co-occurrence":
        lines += ["co_occurrence : in how many rows two classes are positive together, classes x classes"]
    of_call = ", ".join(name for name, _ in _of_call(row))
    lines += [f"reduction : 'sum', 'mean' or 'mean_known', default '{row['reduction']}'", f"{of_call} : see `Loss.__call__`"]
    of = "list of gradients" if row["matrices"] > 1 else "gradient"
    lines += ["", "Returns", "-------", "loss : tensor of one number" if tensors else f"value : float\ngradient : {of}, float32"]
    return "\n".join(lines)


def _of_call(row: Row) -> list[tuple[str, Any]]:
    """Keywords of :meth:`Loss.__call__` that mean something for a row, with their defaults."""
    found: list[tuple[str, Any]] = [("epoch", 0), ("step", 0), ("sample_ids", None)]
    if row["soft_targets"]:
        found += [("soft", None)]
    if row["takes"] == "mixed-rows":
        found += [("mix", None)]
    return found


def parameters(row: Row) -> list[tuple[str, Any]]:
    """Keywords of the function of a row with their defaults."""
    found = [(python_name(param["name"]), param["default"]) for param in row["params"]]
    if row["statistics"] != "none":
        found += [("rows", None), ("class_counts", None), ("co_occurrence", None)]
    return [*found, ("reduction", None), ("unknown", np.nan), *_of_call(row)]


_OF_CALL = ("epoch", "step", "sample_ids", "soft", "mix")


def signature(row: Row) -> inspect.Signature:
    """The signature of the function of a row."""
    both = inspect.Parameter.POSITIONAL_OR_KEYWORD
    given = [inspect.Parameter("z", both), inspect.Parameter("y", both)]
    given += [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=v) for n, v in parameters(row)]
    return inspect.Signature(given)


def split(row: Row, keywords: dict[str, Any], classes: int | None) -> tuple[Loss, dict[str, Any]]:
    """The loss that these keywords make, and those of the call."""
    of_call = {key: keywords.pop(key) for key in _OF_CALL if key in keywords}
    loss = Loss(row["name"], classes=classes, **keywords)
    return loss, of_call


def columns(z: Any) -> int | None:
    """Number of classes of logits."""
    first = z[0] if isinstance(z, (list, tuple)) and z else z
    shape = getattr(first, "shape", None)
    if shape is None:
        shape = np.shape(first) if first is z else np.shape(np.asarray(first))
    return int(shape[-1]) if len(shape) == 2 else None


def _function(row: Row) -> Callable[..., tuple[float, Any]]:
    def function(z: Any, y: Any, **keywords: Any) -> tuple[float, Any]:
        loss, of_call = split(row, keywords, columns(z))
        return loss(z, y, **of_call)

    name = python_name(row["name"])
    function.__name__ = function.__qualname__ = name
    function.__module__ = "lacuna.losses"
    function.__doc__ = describe(row)
    function.__signature__ = signature(row)  # type: ignore[attr-defined]
    return function


ROWS.update((python_name(row["name"]), row) for row in _native.loss_table())

#: The functions by name.
FUNCTIONS = {name: _function(row) for name, row in ROWS.items()}
