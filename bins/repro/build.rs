//! Collects the files of `specs/`, so that adding a benchmark is adding a file.

use std::fmt::Write as _;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=specs");
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join("specs");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder specs exists")
        .map(|entry| entry.expect("specs can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    let mut code = String::from("&[\n");
    for path in files {
        writeln!(code, "    include_str!({path:?}),").expect("a string can be written to");
    }
    code.push(']');
    let out = Path::new(&std::env::var("OUT_DIR").expect("set by cargo")).join("specs.rs");
    std::fs::write(out, code).expect("the list of specs can be written");
}
