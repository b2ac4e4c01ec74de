//! The lines of the landing page, compiled and run from a crate outside the workspace.

use std::path::Path;
use std::process::Command;

/// The lines of the landing page, between files that are written first and what is checked afterwards.
const MAIN: &str = r#"
use lacuna::{Head, Label};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let value = |i: usize| (i as f32 * 0.7).sin();
    let mut tags = "id,label\n".to_string();
    for row in 0..100 {
        let (cat, dog) = (value(2 * row) > 0.0, value(2 * row + 1) > 0.0);
        let named = match (cat, dog) {
            (true, true) => "['cat', 'dog']",
            (true, false) => "['cat']",
            (false, true) => "['dog']",
            (false, false) => "[]",
        };
        tags += &format!("{row}.jpg,\"{named}\"\n");
    }
    std::fs::write("tags.csv", tags)?;
    npy("clip.npy", [100, 2], (0..200).map(value))?;

    let x = lacuna::read::features("clip.npy")?;                    // any format
    let y = lacuna::read::labels("tags.csv")?.unlisted(Label::Unknown);
    let model = lacuna::Fit::new("auto").head(Head::Linear).seed(0).fit(&x, &y)?;
    let p = model.predict(&x)?;                                     // probabilities, rows x classes
    for m in lacuna::audit(&x, &y)?.top(100) { println!("{} {} {:.2}", m.row, m.class, m.score); }
    model.save("head/")?;

    assert_eq!((p.rows(), p.classes()), (100, 2));
    assert_eq!(lacuna::Model::load("head/")?.predict(&x)?, p);
    println!("done");
    Ok(())
}

/// Writes a matrix as NumPy does.
fn npy(path: &str, [rows, columns]: [usize; 2], values: impl Iterator<Item = f32>) -> std::io::Result<()> {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    header += &" ".repeat(63 - (10 + header.len()) % 64);
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    values.for_each(|value| bytes.extend(value.to_le_bytes()));
    std::fs::write(path, bytes)
}
"#;

/// Compiles every dependency again, without the compiler flags of the workspace.
#[test]
#[ignore = "slow: compiles a crate outside the workspace"]
fn the_landing_page_runs_outside_the_workspace() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"outside\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n\
             lacuna = {{ path = {:?}, default-features = false }}\n\n[workspace]\n",
            package.display().to_string()
        ),
    );
    write("src/main.rs", MAIN);
    // The versions of the workspace, which are on this machine.
    std::fs::copy(package.join("../../Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).current_dir(folder.path());
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"]
        {
            command.env_remove(variable);
        }
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let printed = cargo(&["run", "--release", "--offline"]);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.last(), Some(&"done"), "{printed}");
    assert!(lines.len() > 90 && lines[0].split(' ').count() == 3, "{printed}");
    let tree = cargo(&["tree", "--offline", "--prefix", "none", "--edges", "normal"]);
    for command_line in ["clap", "comfy-table", "indicatif"] {
        assert!(!tree.lines().any(|line| line.starts_with(command_line)), "{command_line} is a dependency");
    }
}
