//! The race in the terminal.

use super::course::{Event, Point, Race};
use super::groups::NAMES;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use lacuna::cli::screen::{self, wrapped};
use std::fmt::Write as _;
use std::io::IsTerminal;

/// Columns of the names and of the track from 0 to 1.
const NAME: usize = 26;
const TRACK: usize = 35;
/// Marks of the groups on a track.
const MARKS: [char; 3] = ['o', 'h', 'n'];
const KEY: &str = "o observed positives, h hidden positives, n true negatives, * several";

/// The progress on standard error: on a terminal a line for each loss, redrawn in place; elsewhere a plain line for each
/// loss and epoch.
pub(super) struct Live {
    lines: Option<Lines>,
}

/// Lines that are redrawn.
struct Lines {
    head: ProgressBar,
    lanes: Vec<ProgressBar>,
    /// Lines that stay as they are; a line that is dropped is not drawn.
    fixed: [ProgressBar; 2],
}

impl Live {
    pub(super) fn new(losses: usize) -> Self {
        let drawn = std::io::stderr().is_terminal() && !screen::is_quiet();
        let lines = drawn.then(|| {
            let all = MultiProgress::new();
            let style = ProgressStyle::with_template("{msg}").expect("the template is well-formed");
            let line = || all.add(ProgressBar::new(1).with_style(style.clone()));
            let head = line();
            let scale = line();
            scale.set_message(format!("{:NAME$} {}  observed hidden", "", scale_line()));
            let lanes = (0..losses).map(|_| line()).collect();
            let key = line();
            key.set_message(KEY);
            Lines { head, lanes, fixed: [scale, key] }
        });
        Self { lines }
    }

    pub(super) fn show(&self, race: &Race, event: &Event) {
        let over = race.over();
        let Some(Lines { head, lanes, .. }) = &self.lines else {
            if matches!(event, Event::Measured) {
                race.lanes.iter().for_each(|lane| {
                    let text = lane.points.last().map_or_else(String::new, plain);
                    screen::info(&format!("epoch {over} of {}: {}: {text}", race.epochs, lane.row.info.name));
                });
            }
            return;
        };
        match event {
            Event::Step { epoch, step, steps } => {
                head.set_message(format!(
                    "{}: epoch {epoch} of {}, step {step} of {steps}",
                    race.data, race.epochs
                ));
            }
            Event::Measured => {
                head.set_message(format!("{}: {over} of {} epochs", race.data, race.epochs));
                for (line, lane) in lanes.iter().zip(&race.lanes) {
                    let Some(point) = lane.points.last() else { continue };
                    let [observed, hidden, _] = point.p;
                    line.set_message(format!(
                        "{}  {observed:8.3} {hidden:6.3}",
                        lane_line(lane.row.info.name, point)
                    ));
                }
            }
        }
    }

    /// Clears the lines: the table has what they had.
    pub(super) fn finish(&self) {
        if let Some(lines) = &self.lines {
            lines
                .fixed
                .iter()
                .chain(&lines.lanes)
                .chain([&lines.head])
                .for_each(ProgressBar::finish_and_clear);
        }
    }
}

/// What was measured, in words.
fn plain(point: &Point) -> String {
    let [observed, hidden, negative] = point.p;
    let [val, test] = point.map;
    format!(
        "observed {observed:.3}, hidden {hidden:.3}, negatives {negative:.3}, val mAP {val:.2}, test mAP {test:.2}"
    )
}

/// The numbers of a track, above it.
fn scale_line() -> String {
    let mut line = [' '; TRACK];
    for (at, text) in [(0, "0"), (TRACK / 2 - 1, "0.5"), (TRACK - 1, "1")] {
        line[at..at + text.len()].copy_from_slice(&text.chars().collect::<Vec<_>>());
    }
    line.iter().collect()
}

/// A name and the groups between 0 and 1.
fn lane_line(name: &str, point: &Point) -> String {
    let mut line = ['.'; TRACK];
    for (p, mark) in point.p.iter().zip(MARKS) {
        let at = &mut line[(p * (TRACK - 1) as f64).round() as usize];
        *at = if *at == '.' { mark } else { '*' };
    }
    format!("{name:NAME$} {}", line.iter().collect::<String>())
}

/// The end of a race: what was measured, as a table and as tracks.
pub(super) fn table(race: &Race) -> String {
    let mut out = String::new();
    let [train, ..] = race.rows;
    let line = format!(
        "{}: {train} training rows, {} classes; seed {}, after {} epochs; {}",
        race.data, race.classes, race.seed, race.epochs, race.training
    );
    let _ = writeln!(out, "{}\n", wrapped(&line, 2));
    let _ = writeln!(out, "{:NAME$}  observed  hidden  negatives  val mAP  test mAP", "loss");
    let last = |lane: &super::course::Lane| lane.points.last().copied();
    for (lane, point) in race.lanes.iter().filter_map(|lane| Some((lane, last(lane)?))) {
        let ([o, h, n], [val, test]) = (point.p, point.map);
        let _ =
            writeln!(out, "{:NAME$}  {o:8.3}  {h:6.3}  {n:9.3}  {val:7.2}  {test:8.2}", lane.row.info.name);
    }
    let _ = writeln!(out, "\n{:NAME$} {}", "", scale_line());
    for (lane, point) in race.lanes.iter().filter_map(|lane| Some((lane, last(lane)?))) {
        let _ = writeln!(out, "{}", lane_line(lane.row.info.name, &point));
    }
    let _ = writeln!(out, "{:4}{KEY}\n", "");
    let groups: Vec<String> =
        NAMES.iter().zip(race.cells).map(|(name, cells)| format!("{name} ({cells} cells)")).collect();
    let _ = writeln!(
        out,
        "{}",
        wrapped(&format!("Mean predicted probability of {} of the training rows.", groups.join(", ")), 0)
    );
    let _ = writeln!(out, "{}", wrapped(&race.told(), 0));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_where_the_means_are() {
        let point = Point { p: [1.0, 0.5, 0.0], map: [0.0; 2] };
        let line = lane_line("an", &point);
        let track: Vec<char> = line.chars().skip(NAME + 1).collect();
        assert_eq!((track[0], track[TRACK / 2], track[TRACK - 1], track.len()), ('n', 'h', 'o', TRACK));
        assert!(lane_line("an", &Point { p: [0.5; 3], ..point }).contains('*'));
        assert_eq!(scale_line().chars().count(), TRACK);
        let longest = lacuna_losses::LOSSES.iter().map(|row| row.info.name.len()).max();
        assert!(longest <= Some(NAME), "{longest:?}");
    }
}
