//! `repro report`: run folders and studies as Markdown, LaTeX, CSV and one HTML page.

mod classes;
mod csv;
mod data;
mod document;
mod html;
mod latex;
mod load;
mod markdown;
pub(crate) mod plots;
mod run;
mod study;
mod summary;
mod values;

use crate::cli::ReportArgs;
use anyhow::Context;
use document::Document;
use lacuna::cli::{Outputs, exit, screen};
use lacuna_formats::{Destination, write_atomic};
use lacuna_harness::Resamples;
use load::Loaded;
use std::path::{Path, PathBuf};
use values::Value;

/// The first bytes of every file of ours but the CSV file, whose head is its own, by which a file that may be replaced is known.
const MARK: &str = "written by repro report";

/// What a report is asked for.
struct Options {
    baseline: Option<String>,
    resamples: Resamples,
}

/// Reads every folder and writes the report.
pub(crate) fn command(args: &ReportArgs) -> anyhow::Result<i32> {
    let loaded = args.runs.iter().map(|path| load::folder(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let out = match (&args.out, &args.runs[..]) {
        (Some(out), _) => out.clone(),
        (None, [one]) => one.clone(),
        (None, _) => PathBuf::from("report"),
    };
    let files =
        [("report.md", MARK), ("report.tex", MARK), ("report.csv", csv::HEADER), ("report.html", MARK)];
    let paths = files.map(|(name, _)| out.join(name));
    let read: Vec<PathBuf> = loaded.iter().flat_map(Loaded::files).collect();
    // All of them before the first is written.
    let outputs: Vec<Outputs> = (paths.iter().zip(files))
        .map(|(path, (_, mark))| Outputs::new(args.force || is_ours(path, mark), read.clone()))
        .collect();
    let destinations: Vec<Destination<'_>> =
        outputs.iter().zip(&paths).map(|(rule, path)| rule.to(path)).collect::<anyhow::Result<_>>()?;
    let options =
        Options { baseline: args.baseline.clone(), resamples: Resamples { count: args.resamples, seed: 0 } };
    let (document, values) = document(&loaded, &options)?;
    let pages =
        [markdown::page(&document), latex::page(&document), csv::page(&values), html::page(&document)?];
    std::fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    for (destination, page) in destinations.into_iter().zip(pages) {
        let path = destination.path().display().to_string();
        write_atomic(destination, |file| file.write_all(page.as_bytes())).context(path)?;
    }
    let written = paths.map(|path| format!("written: {}\n", path.display()));
    screen::out(&written.concat())?;
    Ok(exit::DONE)
}

/// Whether a file begins with a mark of ours.
fn is_ours(path: &Path, mark: &str) -> bool {
    const START: usize = 400;
    use std::io::Read;
    let start = || -> std::io::Result<Vec<u8>> {
        let mut start = Vec::new();
        let file = std::fs::File::open(path)?;
        if file.metadata()?.is_file() {
            file.take(START as u64).read_to_end(&mut start)?;
        }
        Ok(start)
    };
    start().is_ok_and(|start| start.windows(mark.len()).any(|bytes| bytes == mark.as_bytes()))
}

/// The report of all folders and its numbers.
fn document(loaded: &[Loaded], options: &Options) -> anyhow::Result<(Document, Vec<Value>)> {
    let (mut sections, mut lines, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (i, one) in loaded.iter().enumerate() {
        let id = format!("s{}", i + 1);
        let (section, line, numbers) = match one {
            Loaded::Run(folder) => run::section(folder, id, options)?,
            Loaded::Study(study) => study::section(study, id, options),
        };
        sections.push(section);
        lines.push(line);
        values.extend(numbers);
    }
    let title = match &sections[..] {
        [one] => one.title.clone(),
        several => format!("Report on {} folders", several.len()),
    };
    let made_by = format!("lacuna {}", env!("CARGO_PKG_VERSION"));
    Ok((Document { title, summary: summary::table(lines), sections, made_by }, values))
}
