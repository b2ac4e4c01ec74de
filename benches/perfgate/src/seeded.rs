//! A benchmark whose time is known: a program on criterion that this program can compare with itself, to test the gate.

use crate::run::Executable;
use criterion::Criterion;
use std::ffi::OsStr;
use std::time::{Duration, Instant};

/// The variable that makes this program the benchmark; by how many percent it is slower.
const VARIABLE: &str = "PERFGATE_SEEDED";
/// Time of an iteration that is not slower.
const ITERATION: Duration = Duration::from_micros(10);

/// This program as a benchmark that is slower by so many percent.
///
/// # Errors
/// Where the operating system does not say which program this is.
pub(crate) fn executable(percent: f64) -> anyhow::Result<Executable> {
    let variables = vec![(VARIABLE.into(), percent.to_string().into())];
    Ok(Executable { path: std::env::current_exe()?, folder: std::env::current_dir()?, variables })
}

/// How much slower this process is to be, if it is one of these benchmarks.
pub(crate) fn asked() -> Option<f64> {
    std::env::var_os(VARIABLE).as_deref().and_then(OsStr::to_str).and_then(|text| text.parse().ok())
}

/// Runs the benchmark with criterion's own command line. An iteration waits for its time and then reports that time exactly, so
/// that nothing depends on the machine. `even` is never slower; each side has one that the other does not have.
pub(crate) fn main(percent: f64) {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("seeded, group");
    let mut bench = |name: &str, iteration: Duration| {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let (start, reported) = (Instant::now(), iteration.mul_f64(iterations as f64));
                while start.elapsed() < reported {
                    std::hint::spin_loop();
                }
                reported
            });
        });
    };
    bench("even", ITERATION);
    bench("slow/1", ITERATION.mul_f64(1.0 + percent / 100.0));
    bench(if percent == 0.0 { "old" } else { "new" }, ITERATION);
    group.finish();
    criterion.final_summary();
}
