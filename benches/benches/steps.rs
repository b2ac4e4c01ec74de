//! Whole training steps (forward, loss, backward, Adam) of a linear head, a perceptron and a convolutional network, on one
//! thread and on two, each beside its limit: the arithmetic at the peak and the bytes at the rate of copying of the same moment.
//!
//! `cargo bench --bench steps -- linear/128` keeps the rows that contain these letters.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use criterion::{Criterion, criterion_group, criterion_main};
use lacuna_benches::training::{BATCHES, NETS, Training};
use lacuna_benches::{Beside, Rate};
use lacuna_engine::Exec;
use std::time::Duration;

fn steps(c: &mut Criterion) {
    for (threads, exec) in [(1, Exec::Serial), (2, Exec::Rayon)] {
        let beside = Beside::with_threads(threads);
        let mut group = c.benchmark_group(format!("steps, threads {threads}"));
        for net in NETS {
            for batch in BATCHES {
                // Checked and built with the first step, which is never timed: what the filter leaves out costs nothing.
                let mut training = None;
                let work = net.work(batch);
                let show = |rate: Rate| {
                    let (seconds, limit) = (batch as f64 / rate.giga * 1e-9, rate.limits.seconds(work));
                    let share = 100.0 * work.flop / seconds * 1e-9 / rate.limits.peak;
                    format!(
                        "{:.1} us, {:.2} times the limit of {:.1} us; {share:.1} % of the peak",
                        seconds * 1e6,
                        seconds / limit,
                        limit * 1e6
                    )
                };
                let step = || {
                    let start = || {
                        Training::check(net, batch.min(128), exec);
                        Training::new(net, batch, exec)
                    };
                    training.get_or_insert_with(start).step();
                };
                beside.bench(&mut group, &format!("{}/{batch}", net.name()), batch as f64, step, show);
            }
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = steps
}
criterion_main!(benches);
