//! Collects the sources of the operations, which the page quotes, and the files of the page's script.

use std::fmt::Write as _;
use std::path::Path;

fn main() {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join("../..");
    let folder = "engine/autograd/src/ops";
    println!("cargo::rerun-if-changed={}", root.join(folder).display());
    let mut names: Vec<String> = std::fs::read_dir(root.join(folder))
        .expect("the engine has operations")
        .map(|entry| entry.expect("the folder can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".rs"))
        .collect();
    names.sort();
    let mut code = String::from("&[\n");
    for name in names {
        let path = root.join(folder).join(&name);
        writeln!(code, "    (\"{folder}/{name}\", include_str!({path:?})),")
            .expect("a string can be written to");
    }
    code.push(']');
    write("operations.rs", &code);

    let page = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join("page");
    println!("cargo::rerun-if-changed={}", page.display());
    let order = std::fs::read_to_string(page.join("order.txt")).expect("the page has an order of its files");
    let mut code = String::from("&[\n");
    for name in order.lines().map(str::trim).filter(|name| !name.is_empty() && !name.starts_with('#')) {
        writeln!(code, "    include_str!({:?}),", page.join(name)).expect("a string can be written to");
    }
    code.push(']');
    write("scripts.rs", &code);
}

fn write(name: &str, code: &str) {
    let out = Path::new(&std::env::var("OUT_DIR").expect("set by cargo")).join(name);
    std::fs::write(out, code).expect("the list can be written");
}
