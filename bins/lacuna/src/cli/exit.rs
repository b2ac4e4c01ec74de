//! How the programs end: one sentence, one piece of advice and one exit code for a fault, whichever program met it.

use super::screen;
use lacuna_formats::FormatError;
use lacuna_harness::HarnessError;
use lacuna_source::SourceError;

/// Everything was done.
pub const DONE: i32 = 0;
/// It was done, and something was found: errors in the data, runs that failed.
pub const FOUND: i32 = 1;
/// The command line, a file or the data was refused, or results could not be written.
pub const REFUSED: i32 = 2;
/// SIGTERM or SIGUSR1: the state of what had not ended is kept.
pub const STOPPED: i32 = 99;
/// Ctrl-C: the same.
pub const INTERRUPTED: i32 = 130;

/// The exit codes, for the end of a help text; what 1 stands for depends on the program.
pub fn codes(found: &str) -> String {
    format!(
        "Exit codes:
  0    done
  1    done, and {found}
  2    refused: the command line, a file or the data; or something could not be
       written
  99   stopped by SIGTERM or SIGUSR1
  130  interrupted"
    )
}

/// Ends the process with the exit code of a command, or with what went wrong and what to do about it.
pub fn finish(outcome: anyhow::Result<i32>) -> ! {
    let code = outcome.unwrap_or_else(|error| {
        screen::err(&format!("error: {}", sentence(&error)));
        REFUSED
    });
    std::process::exit(code)
}

/// An error, the causes that it does not name itself, and the option that resolves it, where there is one.
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
    let text = error.to_string();
    match format_error(error) {
        Some(FormatError::Ambiguous { .. }) => " (--features NAME)",
        Some(FormatError::Exists { .. }) => " (--force replaces it)",
        Some(FormatError::Unrecognised { .. }) => " (--format NAME)",
        _ if text.contains("say which one this file follows") => {
            " (--label-convention spml, binary-an or csl)"
        }
        _ => "",
    }
}

/// What a format answered, inside whatever it was handed on in.
fn format_error(error: &anyhow::Error) -> Option<&FormatError> {
    if let Some(error) = error.downcast_ref::<FormatError>() {
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
        assert_eq!(direct, sentence(&HarnessError::Source(SourceError::Format(exists())).into()));
    }
}
