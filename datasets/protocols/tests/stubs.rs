//! The type stubs of the Python functions of protocols are written from the table. A test of the Python package compares them with the
//! functions.

use lacuna_protocols::{PROTOCOLS, Role};
use std::path::Path;

const HEAD: &str =
    "\"\"\"Written by `.ci/write protocols` from the table of protocols; not to be edited.\"\"\"

from typing import Any

import numpy as np
from numpy.typing import NDArray

";

#[test]
fn the_python_stubs_are_those_of_the_table() {
    let own = ["Masked", "apply", "holdout", "names", "stratified", "summary"];
    let rows = || PROTOCOLS.iter().filter(|row| row.role != Role::Split);
    let imports = own.iter().map(|name| format!("from ._masks import {name} as {name}\n"));
    let mut text = HEAD.to_owned() + &imports.collect::<String>() + "\n__all__ = [\n";
    let names = own.iter().map(|name| (*name).to_owned()).chain(rows().map(|row| row.name.replace('-', "_")));
    text.extend(names.map(|name| format!("    \"{name}\",\n")));
    text += "]\n\n";
    for row in rows() {
        let settings: String =
            row.settings.iter().map(|setting| format!("    {}: float = ...,\n", setting.name)).collect();
        let result = if row.role == Role::Select { "Masked" } else { "NDArray[np.float32]" };
        text += &format!(
            "def {}(\n    y: Any,\n    *,\n{settings}    seed: int | None = ...,\n    X: Any = ...,\n    unknown: Any = ...,\n) -> \
             {result}: ...\n",
            row.name.replace('-', "_")
        );
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bins/python/python/lacuna/masks.pyi");
    if std::env::var_os("LACUNA_WRITE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap();
    assert!(there == text, "bins/python/python/lacuna/masks.pyi is old: `.ci/write protocols` writes it");
}
