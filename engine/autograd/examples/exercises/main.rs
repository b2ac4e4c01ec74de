//! The exercises of docs/autograd.md, chapter 9.
//!
//! Each is a file of this folder with a function or two to write, and a check in `checks.rs` that fails until it is right:
//!
//! ```sh
//! cargo run --release -p lacuna-engine --example exercises -- square
//! ```
//!
//! Without a name all checks run. `solutions/` has an answer to each.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example says what is wrong")]

mod checks;
mod hinge;
mod mish;
mod order;
#[cfg(test)]
mod solutions;
mod square;
mod three_bugs;

use std::process::ExitCode;

type Check = fn() -> Result<(), String>;

/// Name, what is to be done, its check.
const EXERCISES: [(&str, &str, Check); 5] = [
    ("square", "backward pass of a product, whose inputs may be one node", || {
        checks::square(square::mul_backward)
    }),
    ("mish", "x tanh(softplus(x)): forward, backward, reference", || {
        checks::mish(mish::forward, mish::backward, mish::reference, mish::reference)
    }),
    ("three_bugs", "three backward passes with one bug each", || {
        checks::three_bugs(three_bugs::add_row, three_bugs::softmax, three_bugs::residual)
    }),
    ("order", "a sum whose bits depend on the number of threads", || checks::order(order::sum)),
    ("hinge", "a loss with its gradient, and the same loss of operations", || {
        checks::hinge(hinge::squared_hinge, hinge::composed)
    }),
];

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = asked.iter().find(|name| EXERCISES.iter().all(|(known, ..)| known != name)) {
        let names = EXERCISES.map(|(name, ..)| name).join(", ");
        eprintln!("error: no exercise is named {unknown}; there are {names}");
        return ExitCode::from(2);
    }
    let mut open = 0;
    for (name, task, check) in
        EXERCISES.iter().filter(|(name, ..)| asked.is_empty() || asked.iter().any(|a| a == name))
    {
        match check() {
            Ok(()) => println!("right  {name}"),
            Err(why) => {
                open += 1;
                println!("wrong  {name}: {task}\n       {why}");
            }
        }
    }
    ExitCode::from(u8::from(open > 0))
}

/// Whoever has solved one sees this fail, and only this: it keeps answers out of the exercises.
#[test]
fn every_exercise_starts_with_a_check_that_fails() {
    for (name, _, check) in EXERCISES {
        assert!(check().is_err(), "{name} is solved; its answer belongs into `solutions/`");
    }
}

#[test]
fn every_solution_passes() {
    for (name, check) in solutions::ALL {
        assert_eq!(check(), Ok(()), "{name}");
    }
    assert_eq!(solutions::ALL.map(|(name, _)| name), EXERCISES.map(|(name, ..)| name));
}
