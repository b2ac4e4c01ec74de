//! How time and memory of training grow with rows, features, classes, batch and cores, and what a COCO-sized grid takes:
//! writes `benches/SCALING.md` and the plot beside it.
//!
//! ```sh
//! cargo run --release -p lacuna-benches --example scaling                      # writes benches/SCALING.md, some four minutes
//! cargo run --release -p lacuna-benches --example scaling -- --quick           # one short round, to the screen
//! cargo run --release -p lacuna-benches --example scaling -- --out S.md   # and S.svg beside it
//! ```
//! Each point is measured in a process of its own, which this program starts, so that peak memory belongs to the point. Points
//! are measured in rounds, so that a slow minute of the machine meets all of them.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what this program is for")]

mod axes;
mod grid;
mod plot;
mod point;
mod report;
mod system;

use axes::{Axis, Measured, Sample};
use point::Point;
use serde_json::Value;
use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

type Outcome<T> = Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: scaling [--quick] [--out FILE.md]";

fn main() {
    lacuna_kernels::cpu::check_or_exit();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["--point", ref numbers @ ..] => Point::of_arguments(numbers).map(|point| print(&point.measure())),
        ["--grid", rows] => rows.parse().map_err(Into::into).map(|rows| print(&grid::sample(rows))),
        ["--whole", rows] => rows.parse().map_err(Into::into).map(|rows| print(&grid::whole(rows))),
        _ => Options::of_arguments(&words).and_then(|options| whole(&options)),
    };
    if let Err(error) = done {
        eprintln!("error: {error}");
        std::process::exit(2);
    }
}

/// The line of JSON that the process of a point answers with.
fn print(answer: &Value) {
    println!("{answer}");
}

struct Options {
    quick: bool,
    /// The page; nothing is written where it is missing.
    out: Option<PathBuf>,
}

impl Options {
    fn of_arguments(words: &[&str]) -> Outcome<Self> {
        let (mut quick, mut out) = (false, None);
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            match word {
                "--quick" => quick = true,
                "--out" => out = Some(PathBuf::from(words.next().ok_or("--out needs a file")?)),
                _ => return Err(format!("unknown option {word}\n{USAGE}").into()),
            }
        }
        if !quick && out.is_none() {
            out = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("SCALING.md"));
        }
        if out.as_ref().is_some_and(|out| out.extension().is_none_or(|end| end != "md")) {
            return Err("--out: expected a file that ends in .md; the plot is written beside it".into());
        }
        Ok(Self { quick, out })
    }
}

fn whole(options: &Options) -> Outcome<()> {
    let (rounds, grid_rounds) = if options.quick { (1, 1) } else { (3, 3) };
    let before = system::busy();
    let empty = child(&Point::EMPTY.arguments())?["memory"].as_f64();
    let axes = axes::axes(options.quick);
    let mut samples: Vec<Vec<Sample>> =
        axes.iter().map(|axis| axis.points.iter().map(|_| Sample::default()).collect()).collect();
    for round in 0..rounds {
        for (axis, samples) in axes.iter().zip(&mut samples) {
            eprintln!("round {} of {rounds}: {}", round + 1, axis.name);
            for (point, sample) in axis.points.iter().zip(samples) {
                if round == 0 || !point.is_expensive() {
                    sample.add(&child(&point.arguments())?);
                }
            }
        }
    }
    let measured: Vec<(Axis, Vec<Measured>)> = axes
        .into_iter()
        .zip(samples)
        .map(|(axis, samples)| (axis, samples.iter().map(|sample| sample.measured(empty)).collect()))
        .collect();
    let rows = grid::rows(options.quick);
    let mut grids = Vec::new();
    for round in 0..grid_rounds {
        eprintln!("round {} of {grid_rounds}: grid", round + 1);
        grids.push(child(&["--grid".to_string(), rows.to_string()])?);
    }
    // Not of a quarter of the rows, which would be another run.
    let whole = if rows == grid::ROWS[0] {
        eprintln!("two whole runs");
        Some(child(&["--whole".to_string(), rows.to_string()])?)
    } else {
        None
    };
    let total = grid::extrapolate(&grids, whole.as_ref());
    let busy = before.zip(system::busy()).map(|(before, after)| after.others_since(before));
    let plot = options.out.as_ref().map(|out| out.with_extension("svg"));
    let plot = plot.map(|path| match path.file_name() {
        // The page has its name in capital letters, as pages have.
        Some(name) if name == "SCALING.svg" => path.with_file_name("scaling.svg"),
        _ => path,
    });
    let name = plot.as_ref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().to_string());
    let page = report::page(&measured, &total, busy, rounds, options.quick, name.as_deref());
    match (&options.out, &plot) {
        (Some(out), Some(plot)) => {
            replace(plot, &plot::picture(&measured))?;
            replace(out, &page)?;
            println!("{}\nwritten to {} and {}", total.sentence(), out.display(), plot.display());
        }
        _ => println!("{page}"),
    }
    Ok(())
}

/// What a fresh process of this program answers.
fn child(arguments: &[String]) -> Outcome<Value> {
    let output = Command::new(std::env::current_exe()?).args(arguments).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the process of {} ended with {}", arguments.join(" "), output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Writes a file as a whole or not at all.
fn replace(path: &Path, text: &str) -> Outcome<()> {
    let mut name = path.file_name().ok_or("a file has a name")?.to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| {
        // What is left of it is of no use to anybody.
        let _ = std::fs::remove_file(&temporary);
        format!("{}: {error}", path.display()).into()
    })
}
