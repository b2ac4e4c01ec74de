"""Protocols that hide labels: ``seen = lacuna.masks.random_drop(Y, rate=0.4)`` has NaN where a label was lost.

Every protocol of the benchmarks is a function with its published seed and settings; ``help(lacuna.masks.single_positive)`` has the
source. ``Y`` are true labels, 1 and 0. Protocols that leave rows out return a :class:`Masked`, whose ``rows`` are the rows that are
left. :func:`holdout` and :func:`stratified` divide rows.
"""

from . import _masks
from ._masks import Masked, apply, holdout, names, stratified, summary

globals().update(_masks.FUNCTIONS)

__all__ = ["Masked", "apply", "holdout", "names", "stratified", "summary", *_masks.FUNCTIONS]
