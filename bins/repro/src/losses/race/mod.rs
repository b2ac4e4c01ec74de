//! `repro losses race`: several losses side by side, and what each does about the positives that are hidden.

mod course;
mod groups;
mod live;
mod page;
mod picture;
#[cfg(test)]
mod tests;

use crate::signals::Signals;
use clap::Args;
use course::{Entries, Race};
use lacuna::cli::{Outputs, exit, screen};
use lacuna_formats::{Contents, Destination, write_atomic_all};
use live::Live;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// What is raced where nothing else is asked for: negatives assumed, weighted, a robust loss, two that relabel, one of
/// positive and unlabelled data.
const LOSSES: [&str; 6] = ["an", "wan", "hill", "splc", "role", "label-frequency"];
const DATA: &str = "openclipart";

const EXAMPLES: &str = "Examples:
  repro losses race
  repro losses race an hill em-apl --epochs 40 --seed 1
  repro losses race --data voc-like --svg race.svg --html race.html

Exit codes: 0 done, 2 invalid command line, or a file that could not be
written, 99 or 130 stopped by a signal, and nothing is written.";

/// Trains losses side by side and shows what becomes of the positives that are hidden
///
/// Each row of the set keeps one of its positives; the others are hidden. All losses train a linear head on the same rows in the same order,
/// a step of each in turn. Before the first step and after every epoch the mean predicted probability of three groups of training
/// cells is measured: positives that are observed, positives that are hidden, and true negatives; and mAP on the validation and test rows.
/// The true labels of the set are used for these measurements alone, except by losses that are defined with them, which the output names.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RaceArgs {
    /// Losses, by name [default: an wan hill splc role label-frequency]
    #[arg(value_name = "LOSS")]
    losses: Vec<String>,
    /// Name of an embedded set; `repro list` has them
    #[arg(long, value_name = "NAME", default_value = DATA)]
    data: String,
    /// Epochs [default: 25]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Seed of the first weights and of the order of the rows; which positives are hidden is always the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Writes the picture to a file as well, a panel for each loss
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Writes one page that needs no network: the picture, a slider over the epochs, and all numbers
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Replaces the files of --svg and --html if they exist
    #[arg(long)]
    force: bool,
    /// No progress on standard error
    #[arg(long, short)]
    quiet: bool,
}

impl RaceArgs {
    fn entries(&self) -> Entries {
        let losses =
            if self.losses.is_empty() { LOSSES.map(String::from).to_vec() } else { self.losses.clone() };
        Entries { losses, data: self.data.clone(), epochs: self.epochs, seed: self.seed }
    }
}

/// Runs the race and prints its end.
pub(super) fn command(args: &RaceArgs) -> anyhow::Result<i32> {
    screen::set_quiet(args.quiet);
    let outputs = Outputs::new(args.force, Vec::new());
    // A file that may not be written is found before the race.
    for path in [&args.svg, &args.html].into_iter().flatten() {
        outputs.to(path)?;
    }
    if let (Some(svg), Some(html)) = (&args.svg, &args.html)
        && std::path::absolute(svg)? == std::path::absolute(html)?
    {
        anyhow::bail!("--svg and --html name the same file");
    }
    let signals = Signals::new()?;
    let entries = args.entries();
    let live = Live::new(entries.losses.len());
    let race = Race::run(&entries, &mut |race, event| {
        live.show(race, event);
        !signals.stop.load(Ordering::Relaxed)
    });
    live.finish();
    let Some(race) = race? else {
        screen::err("interrupted: nothing is written");
        return Ok(signals.code());
    };
    screen::out(&live::table(&race))?;
    write(args, &outputs, &race)?;
    Ok(exit::DONE)
}

/// Writes the files that were asked for, all or none, and says so.
fn write(args: &RaceArgs, outputs: &Outputs, race: &Race) -> anyhow::Result<()> {
    let mut texts = Vec::new();
    if let Some(path) = &args.svg {
        texts.push((path, picture::picture(race)));
    }
    if let Some(path) = &args.html {
        texts.push((path, page::page(race)?));
    }
    let mut files: Vec<(Destination<'_>, Contents<'_>)> = Vec::new();
    for (path, text) in &texts {
        files.push((outputs.to(path)?, Box::new(|file| file.write_all(text.as_bytes()))));
    }
    if files.is_empty() {
        return Ok(());
    }
    write_atomic_all(files)?;
    for (path, _) in &texts {
        screen::info(&format!("written: {}", path.display()));
    }
    Ok(())
}

/// The picture of the default race, and what is said of it on the page of losses.
#[cfg(test)]
pub(super) fn of_the_page() -> (String, String) {
    let losses = LOSSES.map(String::from).to_vec();
    let entries = Entries { losses, data: DATA.to_string(), epochs: None, seed: 0 };
    let race =
        Race::run(&entries, &mut |_, _| true).expect("the default race runs").expect("nobody stops it");
    (picture::picture(&race), words(&race))
}

/// Two sentences on what the picture shows; each comparison in them is checked.
#[cfg(test)]
fn words(race: &Race) -> String {
    let ends: Vec<(&str, course::Point)> =
        race.lanes.iter().map(|lane| (lane.row.info.name, lane.points[race.epochs])).collect();
    let (of_an, an) = ends[0];
    let mut others = ends[1..].to_vec();
    others.sort_by(|a, b| b.1.p[1].total_cmp(&a.1.p[1]));
    assert!(of_an == "an" && others.iter().all(|(_, end)| end.p[1] > an.p[1]));
    let others: Vec<String> = others.iter().map(|(name, end)| format!("`{name}` {:.2}", end.p[1])).collect();
    for lane in &race.lanes {
        let end = lane.points[race.epochs].p;
        let highest = lane.points[1..].iter().map(|point| point.p[1]).fold(0.0, f64::max);
        assert!(highest > end[1] && end[1] > end[2], "{}", lane.row.info.name);
    }
    let (name, role) = ends.iter().find(|(name, _)| *name == "role").expect("it is in the race");
    let rest = || ends.iter().filter(|(other, _)| other != name).map(|(_, end)| end);
    assert!(rest().all(|end| end.p[2] < role.p[2] && end.map[1] > role.map[1]));
    format!(
        "On {}, after {} epochs with one seed, `an` gives hidden positives a mean probability of {:.2}, where observed positives have {:.2} and \
         true negatives {:.2}; with the other losses hidden positives have more: {}. With every loss they end below the highest mean that they had \
         after an earlier epoch, and above the true negatives, which have most with `role`, {:.2}, the loss of the lowest test mAP here.",
        race.data,
        race.epochs,
        an.p[1],
        an.p[0],
        an.p[2],
        others.join(", "),
        role.p[2]
    )
}
