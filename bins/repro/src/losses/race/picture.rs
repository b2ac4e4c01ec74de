//! The race as pictures: a panel for each loss.

use super::course::{Lane, Race};
use super::groups::NAMES;
use crate::report::plots::{escape, number, ticks};
use std::fmt::Write as _;

/// Size of a panel.
pub(super) const WIDTH: f64 = 300.0;
pub(super) const HEIGHT: f64 = 286.0;
/// Where the axes begin and end.
pub(super) const LEFT: f64 = 34.0;
pub(super) const RIGHT: f64 = WIDTH - 10.0;
const P: [f64; 2] = [160.0, 34.0];
const MAP: [f64; 2] = [252.0, 192.0];
/// Panels side by side in the picture.
const COLUMNS: usize = 3;
const EDGE: f64 = 14.0;

/// Classes of the groups' colours.
pub(super) const CLASSES: [&str; 3] = ["o", "h", "n"];

/// Colours that people tell apart whatever colours they see (M. Okabe, K. Ito), lighter ones on a dark page; lines differ in
/// width and dashes too.
pub(super) const STYLE: &str = "\
.race text{font:11px system-ui,sans-serif;fill:#59636e}.race .name{font-weight:600;font-size:13px;fill:#1b1f24}\
.race .mid{text-anchor:middle}.race .end{text-anchor:end}.race .paper{fill:#fff}.race .grid{stroke:#d5dae0}.race .axis{stroke:#59636e}\
.race path,.race line{fill:none}.race .o{stroke:#0072b2;stroke-width:2;stroke-dasharray:7 3}.race .h{stroke:#d55e00;stroke-width:3}\
.race .n{stroke:#009e73;stroke-width:2;stroke-dasharray:2 3}.race .val{stroke:#1b1f24;stroke-width:1.6}\
.race .test{stroke:#59636e;stroke-width:1.6;stroke-dasharray:4 3}.race .now{stroke:#59636e;stroke-width:1}\
.race circle.o{fill:#fff;stroke-dasharray:none}.race circle.h{fill:#d55e00}.race circle.n{fill:#009e73;stroke-dasharray:none}\
@media (prefers-color-scheme:dark){.race text{fill:#9aa4af}.race .name{fill:#e4e7eb}.race .paper{fill:#14171b}.race .grid{stroke:#363c44}\
.race .axis{stroke:#9aa4af}.race .o{stroke:#56b4e9}.race .h{stroke:#ff8a4c}.race .n{stroke:#2ccb9b}.race .val{stroke:#e4e7eb}\
.race .test{stroke:#9aa4af}.race .now{stroke:#9aa4af}.race circle.o{fill:#14171b}.race circle.h{fill:#ff8a4c}.race circle.n{fill:#2ccb9b}}";

/// The lowest and the highest mAP of all losses, as the ends of an axis.
pub(super) fn map_range(race: &Race) -> (f64, f64) {
    let all = race.lanes.iter().flat_map(|lane| lane.points.iter().flat_map(|point| point.map));
    let finite = all.filter(|map| map.is_finite());
    let (low, high) = finite.fold((100.0f64, 0.0f64), |(low, high), map| (low.min(map), high.max(map)));
    let margin = (0.05 * (high - low)).max(0.5);
    (low - margin, high + margin)
}

/// The place of an epoch.
pub(super) fn across(epoch: usize, epochs: usize) -> f64 {
    LEFT + (RIGHT - LEFT) * epoch as f64 / epochs.max(1) as f64
}

/// One loss: the groups above, mAP below.
pub(super) fn panel(lane: &Lane, race: &Race) -> String {
    let info = lane.row.info;
    let mut svg = format!("<text class=\"name\" x=\"{LEFT}\" y=\"14\">{}</text>", escape(info.name));
    let _ = write!(svg, "<text x=\"{LEFT}\" y=\"27\">mean predicted probability</text>");
    let (low, high) = map_range(race);
    let of_p = |p: f64| P[0] + (P[1] - P[0]) * p;
    let of_map = |map: f64| MAP[0] + (MAP[1] - MAP[0]) * (map - low) / (high - low);
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        grid(&mut svg, of_p(tick), tick);
    }
    let end = lane.points[lane.points.len() - 1].map;
    let named = [("validation", ""), ("test", " (dashes)")].into_iter().zip(end);
    let ends: Vec<String> = named
        .filter(|(_, map)| map.is_finite())
        .map(|((name, line), map)| format!("{name} {map:.1}{line}"))
        .collect();
    let _ = write!(svg, "<text x=\"{LEFT}\" y=\"{:.0}\">mAP, last {}</text>", MAP[1] - 7.0, ends.join(", "));
    for tick in ticks(low, high, 3.0) {
        grid(&mut svg, of_map(tick), tick);
    }
    for tick in ticks(0.0, race.epochs as f64, 5.0).into_iter().filter(|tick| tick.fract() == 0.0) {
        let x = across(tick as usize, race.epochs);
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M{x:.1} {:.0}v4\"/><text class=\"mid\" x=\"{x:.1}\" y=\"{:.0}\">{tick}</text>",
            MAP[0],
            MAP[0] + 16.0
        );
    }
    let _ = write!(
        svg,
        "<path class=\"axis\" d=\"M{LEFT} {:.0}H{RIGHT}\"/><text class=\"mid\" x=\"{:.0}\" y=\"{:.0}\">epoch</text>",
        MAP[0],
        (LEFT + RIGHT) / 2.0,
        MAP[0] + 30.0
    );
    let mut line = |class: &str, of: &dyn Fn(usize) -> f64| {
        let place = |epoch: usize| format!("{:.1} {:.1}", across(epoch, race.epochs), of(epoch));
        let path: Vec<String> = (0..lane.points.len()).map(place).collect();
        let _ = write!(svg, "<path class=\"{class}\" d=\"M{}\"/>", path.join("L"));
    };
    // Hidden positives last, so that nothing covers them.
    for group in [2, 0, 1] {
        line(CLASSES[group], &|epoch| of_p(lane.points[epoch].p[group]));
    }
    for (i, class) in
        ["val", "test"].into_iter().enumerate().filter(|(i, _)| lane.points[0].map[*i].is_finite())
    {
        line(class, &|epoch| of_map(lane.points[epoch].map[i]));
    }
    svg
}

fn grid(svg: &mut String, y: f64, tick: f64) {
    let _ = write!(
        svg,
        "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/><text class=\"end\" x=\"{:.0}\" y=\"{:.1}\">{}</text>",
        LEFT - 5.0,
        y + 3.5,
        number(tick)
    );
}

/// A piece of a group's line, for a legend.
pub(super) fn sample(group: usize) -> String {
    format!("<path class=\"{}\" d=\"M0 6H30\"/>", CLASSES[group])
}

/// The whole picture as one SVG file.
pub(super) fn picture(race: &Race) -> String {
    let columns = race.lanes.len().min(COLUMNS);
    let lines = race.lanes.len().div_ceil(columns);
    let width = (columns as f64 * WIDTH + 2.0 * EDGE).max(2.0 * WIDTH + 2.0 * EDGE);
    let notes = notes(race);
    // Letters of 11 pixels, estimated generously.
    let text: Vec<String> =
        notes.iter().flat_map(|note| broken(note, ((width - 2.0 * EDGE) / 6.0) as usize)).collect();
    let legend = if columns < COLUMNS { NAMES.len() } else { 1 };
    let head = 40.0 + 18.0 * legend as f64;
    let height = head + lines as f64 * HEIGHT + 14.0 + 15.0 * text.len() as f64;
    let title = format!("Losses side by side on {}", race.data);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"race\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\" aria-label=\"{0}\">\n<style>{STYLE}</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n\
         <text class=\"name\" x=\"{EDGE}\" y=\"24\">{0}</text>\n",
        escape(&title)
    );
    for (group, name) in NAMES.iter().enumerate() {
        let (x, y) = if legend == 1 { (group as f64 * WIDTH, 0.0) } else { (0.0, 18.0 * group as f64) };
        let _ = writeln!(
            svg,
            "<g transform=\"translate({:.0} {:.0})\">{}<text x=\"36\" y=\"10\">{name}, {} cells</text></g>",
            EDGE + x,
            36.0 + y,
            sample(group),
            race.cells[group]
        );
    }
    for (i, lane) in race.lanes.iter().enumerate() {
        let (x, y) = (EDGE + WIDTH * (i % columns) as f64, head + HEIGHT * (i / columns) as f64);
        let _ = writeln!(svg, "<g transform=\"translate({x:.0} {y:.0})\">{}</g>", panel(lane, race));
    }
    for (i, line) in text.iter().enumerate() {
        let y = head + lines as f64 * HEIGHT + 14.0 + 15.0 * i as f64;
        let _ = writeln!(svg, "<text x=\"{EDGE}\" y=\"{y:.0}\">{}</text>", escape(line));
    }
    svg + "</svg>\n"
}

/// What has to be said beside the picture.
pub(super) fn notes(race: &Race) -> Vec<String> {
    let [train, val, test] = race.rows;
    let made = if race.synthetic { " (synthetic)" } else { "" };
    vec![
        format!(
            "{}{made}, {} classes: {train} rows train, {val} validate, {test} test; {}; seed {}.",
            race.data, race.classes, race.training, race.seed
        ),
        race.told(),
    ]
}

/// A text as lines of at most so many letters.
fn broken(text: &str, letters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut().filter(|line| line.len() + 1 + word.len() <= letters) {
            Some(line) => *line += &format!(" {word}"),
            None => lines.push(word.to_string()),
        }
    }
    lines
}
