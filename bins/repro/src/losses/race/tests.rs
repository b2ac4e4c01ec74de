//! What a race measures, against the same run driven apart, and what its outputs are.

use super::course::{Entries, Event, Race};
use super::groups::NAMES;
use super::{live, page, picture};
use crate::specs;
use lacuna_harness::{MaskSource, Overrides, Plan};
use lacuna_labels::Label;
use lacuna_source::DataSource;

fn entries(losses: &[&str], epochs: usize, seed: u64) -> Entries {
    let losses = losses.iter().map(ToString::to_string).collect();
    Entries { losses, data: "openclipart".to_string(), epochs: Some(epochs), seed }
}

fn race(losses: &[&str], epochs: usize, seed: u64) -> Race {
    Race::run(&entries(losses, epochs, seed), &mut |_, _| true).unwrap().unwrap()
}

/// The same loss trained by itself, and the means from its weights, its features and the true labels.
fn apart(loss: &str, epochs: usize, seed: u64) -> ([f64; 3], [usize; 3], f64) {
    let overrides = Overrides {
        data: Some(DataSource { embedded: Some("openclipart".to_string()), ..DataSource::default() }),
        losses: Some(vec![loss.to_string()]),
        mask: Some(MaskSource::Drawn),
        set: vec![("evaluation.select".to_string(), "last".to_string())],
        epochs: Some(epochs),
        ..Overrides::default()
    };
    let plan = Plan::new(&specs::find("spml-linear").unwrap(), &overrides).unwrap();
    let mut run = plan.begin(loss, seed).unwrap();
    while !run.is_done() {
        run.epoch().unwrap();
    }
    let train = run.data().train;
    let outcome = run.finish().unwrap();
    let values = |name: &str| &outcome.weights.iter().find(|w| w.name == name).unwrap().values;
    let (weight, bias) = (values("weight"), values("bias"));
    let (mut sums, mut cells) = ([0.0; 3], [0; 3]);
    let set = &plan.data().train;
    let mut x = vec![0.0; set.features.columns()];
    for (id, row) in train.rows.iter().enumerate() {
        train.copy_features(id as u32, &mut x);
        for (class, bias) in bias.iter().enumerate() {
            // `[features, classes]`.
            let w = weight.iter().skip(class).step_by(train.classes());
            let z: f64 = x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
            let p = 1.0 / (1.0 + (-z - f64::from(*bias)).exp());
            let positive = set.truth.row(*row as usize)[class].is_positive();
            let group = match train.labels_of(id as u32)[class] {
                Label::Positive => 0,
                _ if positive => 1,
                _ => 2,
            };
            sums[group] += p;
            cells[group] += 1;
        }
    }
    let map = outcome.metrics["map"].value.unwrap();
    ([0, 1, 2].map(|group| sums[group] / cells[group] as f64), cells, map)
}

#[test]
fn the_means_are_those_of_a_run_by_itself() {
    let race = race(&["role", "an"], 2, 3);
    for (lane, loss) in race.lanes.iter().zip(["role", "an"]) {
        let (p, cells, map) = apart(loss, 2, 3);
        assert_eq!(race.cells, cells);
        assert_eq!(lane.points.len(), 3);
        for (found, expected) in lane.points[2].p.iter().zip(p) {
            assert!((found - expected).abs() < 1e-5, "{loss}: {found} {expected}");
        }
        assert_eq!(lane.points[2].map[1], map, "{loss}");
    }
    let [observed, hidden, negative] = race.cells;
    let [train, ..] = race.rows;
    assert_eq!(observed, train, "one positive of each row");
    assert_eq!(observed + hidden + negative, train * race.classes, "every cell is in one group");
}

#[test]
fn a_seed_gives_the_same_bytes() {
    let outputs = |seed| {
        let race = race(&["wan", "hill"], 2, seed);
        (live::table(&race), picture::picture(&race), page::page(&race).unwrap())
    };
    let first = outputs(1);
    assert_eq!(first, outputs(1));
    assert_ne!(first.2, outputs(2).2);
}

#[test]
fn losses_take_their_steps_in_turn_and_a_race_stops_where_it_is_told() {
    let mut steps = Vec::new();
    let stopped = Race::run(&entries(&["an", "pu-mlc-mixup"], 3, 0), &mut |race, event| {
        if let Event::Step { epoch, step, steps: all } = event {
            steps.push((*epoch, *step, *all));
        }
        race.over() < 1
    });
    assert!(stopped.unwrap().is_none());
    let all = steps[0].2;
    assert!(steps.iter().enumerate().all(|(i, at)| *at == (1, i + 1, all)), "{steps:?}");
    assert_eq!(steps.len(), all);
}

#[test]
fn what_a_loss_is_told_of_the_truth_is_said() {
    let told = |losses: &[&str]| race(losses, 1, 0).told();
    assert!(!told(&["an"]).contains("Exception"));
    let all = told(&["an", "bce-full", "iun", "iu", "role"]);
    for part in ["reference: bce-full.", "true negative: iun.", "of each row: iu.", "no cell: role."] {
        assert!(all.contains(part), "{part}: {all}");
    }
    // The groups are those of the labels that the other losses see.
    assert_eq!(race(&["bce-full"], 1, 0).cells, race(&["an"], 1, 0).cells);
}

#[test]
fn pictures_have_every_loss_and_group_and_lie_inside() {
    let race = race(&["an", "hill", "splc", "role"], 2, 0);
    let (svg, html) = (picture::picture(&race), page::page(&race).unwrap());
    for text in [&svg, &html] {
        assert!(!text.contains("NaN"), "{text}");
        for name in ["an", "hill", "splc", "role"].iter().chain(&NAMES) {
            assert!(text.contains(name), "{name}");
        }
        assert!(text.contains("True labels are used for these measurements alone"));
    }
    assert!(!html.contains("http:") && !html.contains("https:"));
    assert_eq!(svg.matches("class=\"h\" d=").count(), 5, "a line for each loss and one in the legend");
    assert!(live::table(&race).lines().all(|line| line.chars().count() <= 80), "{}", live::table(&race));
}
