//! The program as a whole, on benchmarks that take no time to build and report times that are known.

mod counts;
mod revisions;
mod seeded;

use std::process::{Command, Output};

/// The program, with no variable of the surrounding build that would change what it builds.
fn perfgate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perfgate"));
    command.env_remove("CARGO_TARGET_DIR").env_remove("LACUNA_SIMD");
    command
}

/// Exit code, standard output, standard error.
fn ended(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    ended(command.output().unwrap())
}
