//! The commit that the program is built from, for records; nothing where there is no repository.

use std::process::Command;

fn main() {
    // Where a commit is made, this file is written.
    for file in ["HEAD", "logs/HEAD"] {
        let path =
            format!("{}/../../.git/{file}", std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo"));
        if std::path::Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = output.ok().filter(|output| output.status.success());
    let commit = commit.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let commit = commit.trim();
    let commit = if commit.is_empty() { String::new() } else { format!("+{commit}") };
    println!("cargo::rustc-env=LACUNA_COMMIT={commit}");
}
