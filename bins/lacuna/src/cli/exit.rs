//! Exit codes and error messages, the same for every program.

use super::screen;
use crate::ModelError;
use lacuna_formats::FormatError;
use lacuna_harness::HarnessError;
use lacuna_source::SourceError;

/// Everything was done.
pub const DONE: i32 = 0;
/// Done, with findings: errors in the data, or failed runs.
pub const FOUND: i32 = 1;
/// Invalid command line, file or data, or results that could not be written.
pub const REFUSED: i32 = 2;
/// Stopped by SIGTERM or SIGUSR1: the state of unfinished runs is kept.
pub const STOPPED: i32 = 99;
/// Interrupted by Ctrl-C: the state of unfinished runs is kept.
pub const INTERRUPTED: i32 = 130;

/// The exit codes, for the end of a help text; the meaning of 1 depends on the program.
pub fn codes(found: &str) -> String {
    format!(
        "Exit codes:
  0    done
  1    done, and {found}
  2    invalid command line, file or data, or an output that could not be
       written
  99   stopped by SIGTERM or SIGUSR1
  130  interrupted"
    )
}

/// Ends the process with the exit code of a command, or with an error message and exit code 2.
pub fn finish(outcome: anyhow::Result<i32>) -> ! {
    let code = outcome.unwrap_or_else(|error| {
        screen::err(&format!("error: {}", sentence(&error)));
        REFUSED
    });
    std::process::exit(code)
}

/// An error, the causes that its text does not include, and the option that resolves it, if any.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text += &format!(": {cause}");
        }
    }
    text + advice(error)
}

/// The option that resolves an error.
fn advice(error: &anyhow::Error) -> &'static str {
    match format_error(error) {
        Some(FormatError::Ambiguous { .. }) => " (--features NAME)",
        Some(FormatError::Exists { .. }) => " (--force replaces it)",
        Some(FormatError::Unrecognised { .. }) => " (--format NAME)",
        Some(FormatError::MissingConvention { .. }) => " (--label-convention spml, binary-an or csl)",
        _ => "",
    }
}

/// The error of a format inside the errors that wrap it.
fn format_error(error: &anyhow::Error) -> Option<&FormatError> {
    if let Some(error) = error.downcast_ref::<FormatError>() {
        return Some(error);
    }
    if let Some(ModelError::Format(error)) = error.downcast_ref::<ModelError>() {
        return Some(error);
    }
    let source = match error.downcast_ref::<HarnessError>() {
        Some(HarnessError::Format(error)) => return Some(error),
        Some(HarnessError::Source(error)) => Some(error),
        _ => error.downcast_ref::<SourceError>(),
    };
    match source? {
        SourceError::Format(error) => Some(error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn causes_are_named_once() {
        let io = || std::io::Error::other("disk full");
        let error = Err::<(), _>(io()).context("results.jsonl").unwrap_err();
        assert_eq!(sentence(&error), "results.jsonl: disk full");
        let named = FormatError::Io { path: "x".into(), source: io() };
        assert_eq!(sentence(&named.into()), "x: disk full");
    }

    #[test]
    fn advice_does_not_depend_on_the_program() {
        let exists = || FormatError::Exists { path: "x.npy".into() };
        let direct = sentence(&exists().into());
        assert!(direct.ends_with("(--force replaces it)"), "{direct}");
        assert_eq!(direct, sentence(&SourceError::Format(exists()).into()));
        assert_eq!(direct, sentence(&ModelError::Format(exists()).into()));
        assert_eq!(direct, sentence(&HarnessError::Source(SourceError::Format(exists())).into()));
    }
}
