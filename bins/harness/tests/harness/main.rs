//! The harness as a whole.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it skipped")]

mod arrows;
mod benchmark;
mod folders;
mod labels;
mod masks;
mod pages;
mod procedures;
mod real_data;
mod records;
mod store;
mod study;
mod unsafe_blocks;

use lacuna_harness::Spec;
use lacuna_source::DataSource;
use real_data::real_data;

/// The benchmark that most tests run, on a synthetic set.
fn spec() -> Spec {
    let spec = Spec::parse(include_str!("../../../repro/specs/spml-linear.toml")).unwrap();
    Spec { data: DataSource::embedded("voc-like"), ..spec }
}
