//! The race as one HTML page, which needs no network.

use super::course::{Point, Race};
use super::groups::NAMES;
use super::picture::{CLASSES, HEIGHT, LEFT, RIGHT, STYLE, WIDTH, across, notes, panel, sample};
use anyhow::{Context, anyhow};
use lacuna_losses::Idea;
use minijinja::{Environment, Value, context};

/// The name ends in `.html`: everything but SVG of ours is escaped.
const NAME: &str = "race.html";
const TEMPLATE: &str = include_str!("../../../templates/race.html");

/// Size of the tracks on which the groups stand at an epoch.
const TRACK: [f64; 2] = [420.0, 24.0];
const TRACK_LEFT: f64 = 180.0;
const TRACK_RIGHT: f64 = 408.0;

pub(super) fn page(race: &Race) -> anyhow::Result<String> {
    let mut environment = Environment::new();
    environment.add_template(NAME, TEMPLATE).map_err(|error| anyhow!("the template of the page: {error}"))?;
    let template = environment.get_template(NAME).context("the template was added")?;
    let safe = |svg: String| Value::from_safe_string(svg);
    let numbers = |point: &Point| -> Vec<String> {
        let p = point.p.iter().map(|p| format!("{p:.3}"));
        let map =
            point.map.iter().map(|map| if map.is_finite() { format!("{map:.2}") } else { "-".to_string() });
        p.chain(map).collect()
    };
    let ideas = Idea::ALL.into_iter().filter(|idea| race.lanes.iter().any(|lane| lane.row.idea().0 == *idea));
    let lanes: Vec<Value> = race
        .lanes
        .iter()
        .map(|lane| {
            let (idea, assumes) = lane.row.idea();
            context! {
                name => lane.row.info.name,
                title => lane.row.info.title,
                idea => idea.to_string(),
                assumes => assumes,
                panel => safe(panel(lane, race)),
                last => lane.points.last().map(numbers),
                epochs => lane.points.iter().map(numbers).collect::<Vec<_>>(),
            }
        })
        .collect();
    let groups: Vec<Value> = NAMES
        .iter()
        .enumerate()
        .map(|(i, name)| context! { name => *name, class => CLASSES[i], sample => safe(sample(i)), cells => race.cells[i] })
        .collect();
    let context = context! {
        style => safe(STYLE.to_string()),
        data => &race.data,
        epochs => race.epochs,
        now => across(race.epochs, race.epochs),
        width => WIDTH, height => HEIGHT, left => LEFT, right => RIGHT,
        groups, lanes,
        ideas => ideas.map(|idea| context! { name => idea.to_string(), sentence => idea.sentence() }).collect::<Vec<_>>(),
        notes => notes(race),
        tracks => safe(tracks(race)),
        made_by => format!("repro losses race {}", env!("CARGO_PKG_VERSION")),
    };
    template.render(context).map_err(|error| anyhow!("the page could not be written: {error}"))
}

/// A line from 0 to 1 for each loss, with its groups where they are at the end.
fn tracks(race: &Race) -> String {
    let [width, step] = TRACK;
    let height = step * race.lanes.len() as f64 + 20.0;
    let at = |p: f64| TRACK_LEFT + (TRACK_RIGHT - TRACK_LEFT) * p;
    let mut svg = format!(
        "<svg class=\"race\" id=\"tracks\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Mean probabilities at the chosen \
         epoch\" data-left=\"{TRACK_LEFT}\" data-right=\"{TRACK_RIGHT}\">"
    );
    for (i, lane) in race.lanes.iter().enumerate() {
        let y = step * (i as f64 + 0.5);
        svg += &format!(
            "<text class=\"end\" x=\"{:.0}\" y=\"{:.1}\">{}</text><path class=\"grid\" d=\"M{TRACK_LEFT} {y}H{TRACK_RIGHT}\"/>",
            TRACK_LEFT - 12.0,
            y + 4.0,
            lane.row.info.name
        );
        for group in [2, 0, 1] {
            let p = lane.points.last().map_or(0.0, |point| point.p[group]);
            svg += &format!(
                "<circle class=\"{}\" data-lane=\"{i}\" data-group=\"{group}\" cx=\"{:.1}\" cy=\"{y}\" r=\"5\"/>",
                CLASSES[group],
                at(p)
            );
        }
    }
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        svg += &format!("<text class=\"mid\" x=\"{:.1}\" y=\"{:.0}\">{tick}</text>", at(tick), height - 4.0);
    }
    svg + "</svg>"
}
