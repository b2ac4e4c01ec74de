//! `perfgate plot`: the history as an SVG file that needs nothing else.

use crate::history::{self, Entry};
use anyhow::{Context, ensure};
use clap::Args;
use lacuna::cli::{exit, screen};
use lacuna_formats::{Destination, write_atomic};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

/// Draws the history of benchmarks over commits
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct PlotArgs {
    /// Draws benchmarks whose name contains one of these; all if none is named
    #[arg(long, value_name = "WORD")]
    bench: Vec<String>,
    /// The picture; one that is there is replaced
    #[arg(long, value_name = "FILE.svg", default_value = "history.svg")]
    out: PathBuf,
    /// The history, if not that of the repository
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

const HELP: &str = "Examples:
  perfgate plot --bench 'threads 1/linear' --bench hill --out steps.svg

A line shows a benchmark's cost relative to its first one on the same processor,
over the lines of the history in their order.

Exit codes: 0 done, 2 invalid command line, no line or no benchmark.";

const LEFT: f64 = 60.0;
const TOP: f64 = 20.0;
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 320.0;
/// Width of the names beside the axes.
const NAMES: f64 = 300.0;
/// Height of a line of text.
const TEXT: f64 = 18.0;
/// Colours that are told apart by people who see colours differently (Okabe and Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
/// Dashes of the lines after every seventh.
const DASHES: [&str; 4] = ["none", "6 3", "2 2", "8 2 2 2"];

/// Draws.
///
/// # Errors
/// A history without a line to draw, or a file that cannot be written.
pub(crate) fn command(args: &PlotArgs) -> anyhow::Result<i32> {
    let path = history::path(args.file.as_deref())?;
    let entries = history::read(&path)?;
    ensure!(!entries.is_empty(), "{}: no line (perfgate record appends one)", path.display());
    let chosen =
        |name: &str| args.bench.is_empty() || args.bench.iter().any(|word| name.contains(word.as_str()));
    let svg = draw(&entries, chosen).with_context(|| format!("{}: no such benchmark", path.display()))?;
    write_atomic(Destination::replacing(&args.out), |file| io::Write::write_all(file, svg.as_bytes()))
        .with_context(|| args.out.display().to_string())?;
    screen::info(&format!("{} is written", args.out.display()));
    Ok(exit::DONE)
}

/// For each benchmark, pieces of its line on one processor each: (number of the entry, cost relative to the first one there).
type Lines<'a> = BTreeMap<&'a str, Vec<Vec<(usize, f64)>>>;

fn lines(entries: &[Entry], chosen: impl Fn(&str) -> bool) -> Lines<'_> {
    let mut lines = Lines::new();
    let mut first: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    for (i, entry) in entries.iter().enumerate() {
        for (name, cost) in entry.costs.iter().filter(|(name, cost)| chosen(name) && **cost > 0.0) {
            let processor = entry.processor.as_str();
            let relative = cost / *first.entry((name.as_str(), processor)).or_insert(*cost);
            let pieces = lines.entry(name.as_str()).or_default();
            if last.insert(name, processor) != Some(processor) {
                pieces.push(vec![]);
            }
            if let Some(piece) = pieces.last_mut() {
                piece.push((i, relative));
            }
        }
    }
    lines
}

/// The picture; `None` without a benchmark.
fn draw(entries: &[Entry], chosen: impl Fn(&str) -> bool) -> Option<String> {
    let lines = lines(entries, chosen);
    let logs = || lines.values().flatten().flatten().map(|(_, relative)| relative.log2());
    let (low, high) = logs().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    if low > high {
        return None;
    }
    // At least from 10 % faster to 10 % slower, so that noise does not fill the picture.
    let (low, high) = (low.min(-0.15) - 0.02, high.max(0.15) + 0.02);
    let steps = (entries.len() - 1).max(1) as f64;
    let x = |i: usize| LEFT + 10.0 + i as f64 / steps * (WIDTH - 20.0);
    let y = |relative: f64| TOP + (high - relative.log2()) / (high - low) * HEIGHT;
    let (width, height) = (LEFT + WIDTH + NAMES, TOP + (HEIGHT + 90.0).max(TEXT * lines.len() as f64 + 20.0));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"Cost of benchmarks over commits\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for tick in ticks(low, high) {
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {:.1}h{WIDTH}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
            y(tick),
            LEFT - 8.0,
            y(tick) + 4.0
        );
    }
    // At most some twenty commits are named.
    for (i, entry) in entries.iter().enumerate().step_by(entries.len().div_ceil(20)) {
        let commit: String = entry.commit.chars().take(8).collect();
        let _ = writeln!(
            svg,
            "<text transform=\"translate({:.1} {}) rotate(-60)\" text-anchor=\"end\">{}</text>",
            x(i) + 4.0,
            TOP + HEIGHT + 14.0,
            escape(&commit)
        );
    }
    let _ = writeln!(
        svg,
        "<text transform=\"translate(16 {}) rotate(-90)\" text-anchor=\"middle\">cost, relative to the first</text>",
        TOP + HEIGHT / 2.0
    );
    for (i, (name, pieces)) in lines.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        let style = format!(
            "fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" stroke-dasharray=\"{}\"",
            DASHES[i / COLOURS.len() % DASHES.len()]
        );
        for piece in pieces {
            let places: Vec<String> =
                piece.iter().map(|(i, relative)| format!("{:.1} {:.1}", x(*i), y(*relative))).collect();
            let _ = write!(svg, "<path d=\"M{}\" {style}/>", places.join("L"));
            for (i, relative) in piece {
                let _ = write!(
                    svg,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\" fill=\"{colour}\"><title>{}: {relative:.3}</title></circle>",
                    x(*i),
                    y(*relative),
                    escape(name)
                );
            }
        }
        let at = TOP + TEXT * i as f64 + 6.0;
        let _ = writeln!(
            svg,
            "\n<path d=\"M{} {at}h22\" {style}/><text x=\"{}\" y=\"{}\">{}</text>",
            LEFT + WIDTH + 16.0,
            LEFT + WIDTH + 44.0,
            at + 4.0,
            escape(&shortened(name))
        );
    }
    Some(svg + "</svg>\n")
}

/// Round ratios between two logarithms of base 2.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let all: &[f64] = match high - low {
        span if span < 1.0 => &[0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6],
        span if span < 4.0 => &[0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0],
        _ => &[0.001, 0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 100.0, 1000.0],
    };
    all.iter().copied().filter(|tick| (low..=high).contains(&tick.log2())).collect()
}

/// A name that fits beside the axes.
fn shortened(name: &str) -> String {
    const MOST: usize = 40;
    match name.chars().count() > MOST {
        true => name.chars().take(MOST - 3).chain("...".chars()).collect(),
        false => name.to_string(),
    }
}

fn escape(text: &str) -> String {
    let text = screen::clean(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::entry;

    #[test]
    fn costs_are_relative_to_the_first_on_the_same_processor() {
        let mut entries = [
            entry("a", &[("x", 2.0)]),
            entry("b", &[("x", 3.0), ("y", 5.0)]),
            entry("c", &[("x", 8.0)]),
            entry("d", &[("x", 1.0)]),
        ];
        entries[2].processor = "B".to_string();
        let lines = lines(&entries, |_| true);
        assert_eq!(lines["x"], [vec![(0, 1.0), (1, 1.5)], vec![(2, 1.0)], vec![(3, 0.5)]]);
        assert_eq!(lines["y"], [vec![(1, 1.0)]]);
    }

    #[test]
    fn everything_lies_inside_and_names_do_no_harm() {
        let hostile = "</text><script>\u{202e}".to_string() + &"x".repeat(500);
        let mut entries: Vec<Entry> =
            (0..50).map(|i| entry("<b>&", &[("x", 1.5f64.powi(i % 9)), (&hostile, 1.0)])).collect();
        entries.push(entry("last", &[("zero", 0.0)]));
        let svg = draw(&entries, |_| true).unwrap();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(!svg.contains("<script") && !svg.contains('\u{202e}') && !svg.contains("NaN"));
        let places = svg.split(" cy=\"").skip(1).map(|rest| rest[..rest.find('"').unwrap()].parse().unwrap());
        assert!(places.clone().count() >= 100);
        assert!(places.into_iter().all(|y: f64| (TOP..=TOP + HEIGHT).contains(&y)));
        assert!(!svg.contains("zero"));
    }

    #[test]
    fn one_line_is_a_picture_and_no_benchmark_is_none() {
        let entries = [entry("a", &[("x", 2.0)])];
        let svg = draw(&entries, |_| true).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(draw(&entries, |name| name == "y").is_none());
    }
}
