//! The page.

use crate::axes::{Axis, Measured, Power};
use crate::grid::{self, BATCHES, EPOCHS, GOAL, LOSSES, ROWS, RUNS, Total};
use lacuna_benches::REFERENCE_PEAK;
use lacuna_kernels::cpu;
use std::fmt::Write as _;

const MB: f64 = 1e6;
/// How far an exponent may be from the expected one to be called that.
const NEAR: f64 = 0.1;

pub(crate) fn page(
    axes: &[(Axis, Vec<Measured>)],
    total: &Total,
    busy: Option<f64>,
    rounds: usize,
    quick: bool,
    plot: Option<&str>,
) -> String {
    let mut page = "# How cost grows\n\n".to_string();
    let _ = writeln!(
        page,
        "Written by `cargo run --release -p lacuna-benches --example scaling{}`: lacuna {}, {}, {} cores. {}{}\n",
        if quick { " -- --quick" } else { "" },
        env!("CARGO_PKG_VERSION"),
        cpu::running(),
        std::thread::available_parallelism().map_or(0, usize::from),
        busy.map_or("What other programs took was not measured.".to_string(), |busy| format!(
            "Other programs took {busy:.2} processors meanwhile."
        )),
        if quick { " One short round: no figures to quote." } else { "" },
    );
    page.push_str(&summary(axes, total));
    if let Some(plot) = plot {
        let _ = writeln!(page, "![Time and memory against each axis, with the fitted power laws]({plot})\n");
    }
    let _ = writeln!(
        page,
        "A point is a linear head on fixed features: Adam, the loss `an`, 8,192 rows, 1,024 features, 80 classes, batch 128, one thread, \
         but for the number in the first column. It is trained in a process of its own: {}, a first epoch to warm up and 3 to 25 measured \
         ones. *ms* is the median epoch, gathering and shuffling of rows included. *at {REFERENCE_PEAK} GF/s* is the median of each epoch's time times \
         the peak of fused multiply-adds of one core, sampled before and after it, over {REFERENCE_PEAK}: a machine that is slow for a minute shows less \
         in it, and exponents are those of this column. *of the peak* is the arithmetic of the products over time and peak of all threads. \
         *MB* is the most memory the process held, less that of a process that does nothing{}; *data and parameters* is the least that a run needs: \
         features, labels, and weights with gradient and two moments. An exponent is the slope of the logarithm of time (memory) on that of \
         the size, by least squares; *end* is that of the two largest sizes.\n",
        if rounds == 1 { "once".to_string() } else { format!("{rounds} times, in rounds over all points") },
        if cfg!(target_os = "linux") { "" } else { "; it was not measured on this system" },
    );
    for (axis, measured) in axes {
        page.push_str(&table(axis, measured));
    }
    page.push_str(&of_grid(total));
    page
}

/// The exponents of an axis: of time, of the time of the two largest sizes, and of memory.
pub(crate) struct Exponents {
    pub(crate) time: Power,
    end: f64,
    pub(crate) memory: Option<Power>,
}

/// Sizes and times at the reference peak, in seconds.
pub(crate) fn times(axis: &Axis, measured: &[Measured]) -> Vec<(f64, f64)> {
    axis.points
        .iter()
        .zip(measured)
        .map(|(point, one)| ((axis.size)(point) as f64, one.at_reference))
        .collect()
}

/// Sizes and memory, in bytes.
pub(crate) fn memories(axis: &Axis, measured: &[Measured]) -> Vec<(f64, f64)> {
    let sizes = axis.points.iter().map(|point| (axis.size)(point) as f64);
    sizes.zip(measured).filter_map(|(size, one)| Some((size, one.memory?))).collect()
}

pub(crate) fn exponents(axis: &Axis, measured: &[Measured]) -> Exponents {
    let (times, memories) = (times(axis, measured), memories(axis, measured));
    Exponents {
        time: Power::through(&times),
        end: Power::through(&times[times.len() - 2..]).exponent,
        memory: (memories.len() == times.len()).then(|| Power::through(&memories)),
    }
}

fn summary(axes: &[(Axis, Vec<Measured>)], total: &Total) -> String {
    let mut text =
        "| axis | from | to | exponent of time | end | expected | exponent of memory |\n|---|---:|---:|---:|---:|---:|---:|\n"
            .to_string();
    for (axis, measured) in axes {
        let found = exponents(axis, measured);
        let ends = [axis.points.first(), axis.points.last()];
        let [from, to] = ends.map(|point| point.map_or(String::new(), |point| grouped((axis.size)(point))));
        let _ = writeln!(
            text,
            "| {} | {from} | {to} | {:.2} | {:.2} | {} | {} |",
            axis.name,
            found.time.exponent,
            found.end,
            axis.expected.map_or("falls to 0".to_string(), |expected| format!("{expected}")),
            found.memory.map_or("not measured".to_string(), |memory| format!("{:.2}", memory.exponent)),
        );
    }
    let _ = writeln!(text, "\nA grid of the size of COCO: {}.\n", total.sentence());
    text
}

fn table(axis: &Axis, measured: &[Measured]) -> String {
    let mut text = format!(
        "## {}\n\n{}\n\n| {} | ms | at {REFERENCE_PEAK} GF/s | peak, GF/s | of the peak | MB | data and parameters | epochs |\n|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        capital(axis.name),
        axis.why,
        axis.name.split(',').next().unwrap_or_default(),
    );
    for (point, one) in axis.points.iter().zip(measured) {
        let share = 100.0 * point.flop() / one.at_reference / (REFERENCE_PEAK * 1e9) / point.threads as f64;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.1} | {share:.0} % | {} | {:.1} | {} |",
            grouped((axis.size)(point)),
            digits(1e3 * one.seconds),
            digits(1e3 * one.at_reference),
            one.peak,
            one.memory.map_or("not measured".to_string(), |bytes| format!("{:.1}", bytes / MB)),
            point.held() / MB,
            one.epochs,
        );
    }
    let found = exponents(axis, measured);
    let near = |exponent: f64, expected: f64| (exponent - expected).abs() <= NEAR;
    let verdict = match axis.expected {
        Some(expected) if near(found.time.exponent, expected) => format!("as expected, to {NEAR}"),
        Some(expected) if near(found.end, expected) => {
            format!("{expected}, to {NEAR}, between the two largest sizes and not below")
        }
        Some(expected) => format!("not {expected}"),
        None => {
            let (first, last) = (&measured[0], &measured[measured.len() - 1]);
            let times = first.at_reference / last.at_reference;
            format!("an epoch of the smallest takes {times:.1} times one of the largest")
        }
    };
    let _ = write!(
        text,
        "\nExponent of time {:.2}, end {:.2}: {verdict}. Exponent of memory: ",
        found.time.exponent, found.end
    );
    match found.memory {
        Some(memory) => _ = writeln!(text, "{:.2}.\n", memory.exponent),
        None => text.push_str("not measured.\n\n"),
    }
    text
}

fn of_grid(total: &Total) -> String {
    let mut text = format!(
        "## A grid of the size of COCO\n\n**{}.** Goal met: {}.\n\n",
        total.sentence(),
        if total.range[1] <= GOAL {
            "yes, also by the slowest epochs of the sample"
        } else if total.minutes <= GOAL {
            "yes, but not by the slowest epochs of the sample"
        } else {
            "no"
        }
    );
    let [train, val, test] = ROWS.map(grouped);
    let _ = writeln!(
        text,
        "{train} training rows of {} features, {} classes, one positive in each row; {} losses x {} rates x batches of {} and {} rows, \
         {EPOCHS} epochs of a linear head with Adam, an epoch chosen by the mAP of {val} rows, {test} test rows at the end: {RUNS} runs. \
         Sampled: two runs at a time on two threads, each run serial, as the harness does it, on {} training rows; of every loss and batch \
         the second epoch whole, in {} stretches, at the largest and at the smallest rate, {} time{}. The grid is, over its runs, the sum \
         of the making of the run, {EPOCHS} times (steps of an epoch times seconds of a step, and the rest of an epoch: order of the rows, logits and \
         mAP of the validation rows) and a pass over the test rows, taken to cost for each row what one over the validation rows does; over two cores. \
         Reading the files is not in it.\n",
        grouped(grid::FEATURES),
        grid::CLASSES,
        LOSSES.len(),
        grid::RATES,
        BATCHES[0],
        BATCHES[1],
        grouped(total.rows as usize),
        grid::STRETCHES,
        total.rounds.len(),
        if total.rounds.len() == 1 { "" } else { "s" },
    );
    let minutes: Vec<String> = total.rounds.iter().map(|minutes| format!("{minutes:.1}")).collect();
    let _ = writeln!(
        text,
        "The standard error is the larger one of two: by the spread of the stretches as if they were independent, and by the spread of the rounds. The range takes for each combination its fastest and \
         its slowest sampled epoch. By rounds: {} minutes. Peak of a core between the stretches: {:.1} GF/s (median). \
         Memory of both runs with the data: {}.\n",
        minutes.join(", "),
        total.peak,
        total.memory.map_or("not measured".to_string(), |bytes| format!("{:.0} MB", bytes / MB)),
    );
    if let Some(whole) = &total.whole {
        let [first, second] = [0, 1].map(|i| &whole[i]);
        let _ = writeln!(
            text,
            "Two runs were trained whole, at once, to see whether the extrapolation holds (without test rows): `{}` with batch {} took {:.1} s where \
             the sample says {:.1}, `{}` with batch {} took {:.1} where it says {:.1}.\n",
            first.loss,
            first.batch,
            first.took,
            first.said,
            second.loss,
            second.batch,
            second.took,
            second.said,
        );
    }
    text.push_str("| loss |");
    for batch in BATCHES {
        let _ = write!(text, " us a step, batch {batch} | rest of an epoch, ms | s a run |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---:|---:|---:|".repeat(BATCHES.len()));
    text.push('\n');
    for (loss, _) in LOSSES {
        let _ = write!(text, "| `{loss}` |");
        for one in total.combinations.iter().filter(|one| one.loss == loss) {
            let _ = write!(
                text,
                " {:.0} | {:.0} | {:.1} |",
                1e6 * one.step(),
                1e3 * one.rest,
                one.run(one.step())
            );
        }
        text.push('\n');
    }
    text
}

/// Three digits.
fn digits(x: f64) -> String {
    let decimals = (2.0 - x.abs().log10().floor()).clamp(0.0, 4.0);
    format!("{x:.*}", decimals as usize)
}

/// With commas between the thousands.
pub(crate) fn grouped(n: usize) -> String {
    let text = n.to_string();
    let mut out = String::new();
    for (i, digit) in text.chars().enumerate() {
        if i > 0 && (text.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
