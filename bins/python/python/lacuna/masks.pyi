"""Written by `.ci/write protocols` from the table of protocols; not to be edited."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._masks import Masked as Masked
from ._masks import apply as apply
from ._masks import holdout as holdout
from ._masks import names as names
from ._masks import stratified as stratified
from ._masks import summary as summary

__all__ = [
    "Masked",
    "apply",
    "holdout",
    "names",
    "stratified",
    "summary",
    "single_positive",
    "known_cells",
    "keep_share",
    "random_drop",
    "cell_drop",
    "propensity_drop",
    "rps",
    "fpc",
    "semi_supervised",
    "labelled_share",
    "instance_drop",
    "biased_positive",
    "false_positives",
    "long_tail",
    "partial_long_tail",
    "geometric_long_tail",
]

def single_positive(
    y: Any,
    *,
    positives: float = ...,
    negatives: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> NDArray[np.float32]: ...
def known_cells(
    y: Any,
    *,
    known: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> NDArray[np.float32]: ...
def keep_share(
    y: Any,
    *,
    divisor: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> NDArray[np.float32]: ...
def random_drop(
    y: Any,
    *,
    rate: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> NDArray[np.float32]: ...
def cell_drop(
    y: Any,
    *,
    rate: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> NDArray[np.float32]: ...
def propensity_drop(
    y: Any,
    *,
    a: float = ...,
    b: float = ...,
    keep_one: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> NDArray[np.float32]: ...
def rps(
    y: Any,
    *,
    rate: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> NDArray[np.float32]: ...
def fpc(
    y: Any,
    *,
    labels: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> NDArray[np.float32]: ...
def semi_supervised(
    y: Any,
    *,
    labelled: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> NDArray[np.float32]: ...
def labelled_share(
    y: Any,
    *,
    labelled: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> NDArray[np.float32]: ...
def instance_drop(
    y: Any,
    *,
    rate: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> NDArray[np.float32]: ...
def biased_positive(
    y: Any,
    *,
    exponent: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> NDArray[np.float32]: ...
def false_positives(
    y: Any,
    *,
    rate: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> NDArray[np.float32]: ...
def long_tail(
    y: Any,
    *,
    max: float = ...,
    min: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> Masked: ...
def partial_long_tail(
    y: Any,
    *,
    max: float = ...,
    missing: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> Masked: ...
def geometric_long_tail(
    y: Any,
    *,
    max: float = ...,
    min: float = ...,
    missing: float = ...,
    seed: int | None = ...,
    X: Any = ...,
    unknown: Any = ...,
) -> Masked: ...
