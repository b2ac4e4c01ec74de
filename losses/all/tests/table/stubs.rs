//! The type stubs of the Python functions of losses are written from the rows. A test of the Python package compares them with the functions.

use lacuna_losses::{LOSSES, LossRow, Statistics, Takes};
use std::path::Path;

const HEAD: &str =
    "\"\"\"Written by `.ci/write losses` from the table of losses; not to be edited.\"\"\"\n\n";

const ARRAYS: &str = "\
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._losses import Loss as Loss, class_statistics as class_statistics, names as names

";

const TENSORS: &str = "\
from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike
from torch import Tensor

from ._torch import Loss as Loss

";

/// Words that are no names in Python.
const KEYWORDS: &[&str] = &[
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else",
    "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not",
    "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// `an-ls` is `an_ls`, `lambda` is `lambda_`.
fn python_name(name: &str) -> String {
    let end = if KEYWORDS.contains(&name) { "_" } else { "" };
    name.replace('-', "_") + end
}

/// Keywords of a function with their types.
fn keywords(row: &LossRow) -> Vec<(String, &'static str)> {
    let own = row.info.params.iter().map(|param| {
        let kind = if param.default.is_some() { "float" } else { "float | None" };
        (python_name(param.name), kind)
    });
    let statistics = [
        ("rows", "float | None"),
        ("class_counts", "ArrayLike | None"),
        ("co_occurrence", "ArrayLike | None"),
    ];
    let call = [
        ("reduction", "str | None"),
        ("unknown", "Any"),
        ("epoch", "int"),
        ("step", "int"),
        ("sample_ids", "ArrayLike | None"),
    ];
    let soft = Some(("soft", "ArrayLike | None")).filter(|_| row.soft_targets);
    let mix = ("mix", "tuple[Any, Any, float] | None");
    let statistics = statistics.into_iter().filter(|_| row.statistics != Statistics::None);
    let mix = Some(mix).filter(|_| row.takes == Takes::MixedRows);
    own.chain(statistics.chain(call).chain(soft).chain(mix).map(|(name, kind)| (name.to_owned(), kind)))
        .collect()
}

/// The signature of each function; `result` says what it returns, from the type of its gradients.
fn functions(result: fn(&str) -> String) -> String {
    let function = |row: &LossRow| {
        let one = row.takes.matrices() == 1;
        let (z, of) = if one { ("Any", "_Gradient") } else { ("Sequence[Any]", "list[_Gradient]") };
        let keywords: String =
            keywords(row).iter().map(|(name, kind)| format!("    {name}: {kind} = ...,\n")).collect();
        let (name, result) = (python_name(row.info.name), result(of));
        format!("def {name}(\n    z: {z},\n    y: Any,\n    *,\n{keywords}) -> {result}: ...\n")
    };
    LOSSES.iter().map(function).collect()
}

/// `__all__` of these names and of all losses.
fn listed(names: &[&str]) -> String {
    let losses = LOSSES.iter().map(|row| python_name(row.info.name));
    let lines = names.iter().map(|name| (*name).to_owned()).chain(losses);
    let lines: String = lines.map(|name| format!("    \"{name}\",\n")).collect();
    format!("__all__ = [\n{lines}]\n\n")
}

#[test]
fn the_python_stubs_are_those_of_the_rows() {
    let arrays = [
        HEAD,
        ARRAYS,
        &listed(&["Loss", "class_statistics", "names"]),
        "_Gradient = NDArray[np.float32]\n\n",
        &functions(|of| format!("tuple[float, {of}]")),
    ];
    let tensors = [HEAD, TENSORS, &listed(&["Loss"]), &functions(|_| "Tensor".to_owned())];
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bins/python/python/lacuna");
    for (name, text) in [("losses.pyi", arrays.concat()), ("torch.pyi", tensors.concat())] {
        let path = package.join(name);
        if std::env::var_os("LACUNA_WRITE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap();
        assert!(there == text, "bins/python/python/lacuna/{name} is old: `.ci/write losses` writes it");
    }
}
