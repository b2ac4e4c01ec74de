//! Every setting of a grid on several masks, and what the runs say.

use lacuna_harness::{HarnessError, Overrides, Progress, Spec, Study, StudyOptions, StudyRecord, Verdict};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const SPEC: &str = r#"
name = "small"
title = "Two losses and a reference"
source = "none"
data = "openclipart"
[protocol]
[training]
epochs = 3
batch = 64
lr = 1e-3
seeds = 1
reduction = "mean"
[evaluation]
also = ["observed"]
[study]
masks = [3, 7]
inits = 2
grid = { lr = [1e-3, 1e-7] }
[[losses]]
name = "an"
[[losses]]
name = "bce-full"
grid = {}
[[losses]]
name = "an"
row = "untrained"
training = { lr = 1e-9 }
grid = {}
[[claims]]
better = "bce-full"
worse = "untrained"
source = "anybody"
[[claims]]
better = "untrained"
worse = "an"
source = "nobody"
[[causes]]
says = "Labels, where there is training."
gap = ["bce-full", "untrained"]
changed = ["an", "untrained"]
"#;

fn study(text: &str) -> Result<Study, HarnessError> {
    Study::new(&Spec::parse(text).unwrap(), &Overrides::default(), 200)
}

/// The record, and how many runs were made.
fn run(study: &Study, folder: &Path) -> (StudyRecord, usize) {
    let (never, made) = (AtomicBool::new(false), Mutex::new(0));
    let options = StudyOptions { jobs: 2, stop: &never, checkpoint_every: Duration::from_secs(60) };
    let record = study.run(folder, options, &|event| {
        if let Progress::Run(_) = event {
            *made.lock().unwrap() += 1;
        }
    });
    (record.unwrap().unwrap(), made.into_inner().unwrap())
}

#[test]
fn a_study_chooses_by_validation_and_decides_its_claims() {
    let root = tempfile::tempdir().unwrap();
    let small = study(SPEC).unwrap();
    let (record, made) = run(&small, root.path());
    // 2 masks x 2 first weights x (2 settings + 1 + 1).
    assert_eq!((made, record.head.runs), (16, 16));
    let [an, full, untrained] = &record.rows[..] else { panic!("{:?}", record.rows) };
    assert_eq!((an.budget, full.budget, untrained.budget), (2, 1, 1));
    assert_eq!(an.clean.setting, "lr 0.001", "the other one learns nothing");
    assert_eq!(an.observed.as_ref().unwrap().setting, "lr 0.001");
    assert!(full.clean.setting.is_empty());
    // All labels are the same whatever the mask, and first weights differ.
    assert!(full.clean.metrics["map"].masks < 1e-9 && full.clean.metrics["map"].inits > 0.0);
    assert!(an.clean.metrics["map"].masks > 0.0);
    assert!(an.clean.metrics.contains_key("val.map") && !an.clean.metrics.contains_key("map.observed"));
    assert_eq!((an.clean.test_ap.len(), an.clean.epochs.len()), (34, 4));
    let verdicts: Vec<Verdict> = record.claims.iter().map(|claim| claim.clean.verdict()).collect();
    assert_eq!(verdicts, [Verdict::Holds, Verdict::DoesNotHold]);
    for claim in &record.claims {
        let clean = &claim.clean;
        assert!(clean.low <= clean.mean && clean.mean <= clean.high && clean.p <= clean.holm, "{clean:?}");
        assert!(claim.observed.is_some());
    }
    let cause = &record.causes[0];
    assert!((cause.before.mean - cause.after.mean - cause.made.mean).abs() < 2e-4, "{cause:?}");
    // Training makes a gap of its own sign; one that the change widens is not made by it.
    assert_eq!(cause.is_shown(), cause.made.holm < 0.05 && cause.made.mean > 0.0);
    let mut widened = cause.clone();
    (widened.made.holm, widened.made.mean) = (0.01, -widened.before.mean);
    assert!(!widened.is_shown());
    assert_eq!(StudyRecord::parse(&record.to_lines()).unwrap(), record);

    // Nothing is left to do; of settings that were not chosen no scores are kept.
    let scores = |mask: &str| fs::read_dir(root.path().join(mask).join("scores")).unwrap().count();
    assert_eq!(scores("mask-3"), 1 + 3 * 2 * 2);
    let (again, made) = run(&study(SPEC).unwrap(), root.path());
    assert_eq!((&again, made), (&record, 0));
    // Scores that are gone are made again, with the same record.
    fs::remove_dir_all(root.path().join("mask-7/scores")).unwrap();
    let (again, made) = run(&small, root.path());
    assert_eq!((&again, made), (&record, 6));
}

#[test]
fn the_digest_of_a_study_is_that_of_what_decides_it() {
    let digest = |text: &str| Spec::parse(text).unwrap().study_digest("openclipart").unwrap();
    let same =
        [("Two losses and a reference", "Words"), ("nobody", "somebody"), ("Labels, where", "Tags, where")];
    for (from, to) in same {
        assert_eq!(digest(SPEC), digest(&SPEC.replace(from, to)), "{to}");
    }
    let other = [
        ("masks = [3, 7]", "masks = [3, 8]"),
        ("lr = [1e-3, 1e-7]", "lr = [1e-3, 1e-6]"),
        ("epochs = 3", "epochs = 4"),
        ("worse = \"an\"", "worse = \"bce-full\""),
        ("changed = [\"an\", \"untrained\"]", "changed = [\"untrained\", \"an\"]"),
    ];
    for (from, to) in other {
        assert_ne!(digest(SPEC), digest(&SPEC.replace(from, to)), "{to}");
    }
}

#[test]
fn studies_that_cannot_be_decided_are_refused() {
    let refused = |from: &str, to: &str| {
        let spec = Spec::parse(&SPEC.replace(from, to)).unwrap();
        let made = spec.check().and_then(|()| Study::new(&spec, &Overrides::default(), 200).map(drop));
        made.unwrap_err().to_string()
    };
    assert!(refused("better = \"untrained\"", "better = \"trained\"").contains("there is no row `trained`"));
    assert!(refused("lr = [1e-3, 1e-7]", "lr = 1e-3").contains("grid of an: lr: expected a list of values"));
    assert!(refused("lr = [1e-3, 1e-7]", "rate = [1e-3]").contains("unknown field `rate`"));
    assert!(refused("masks = [3, 7]", "masks = [3, 3]").contains("a mask is there twice"));
    let error = refused("also = [\"observed\"]", "select = \"last\"");
    assert!(error.contains("grid of an: without a metric of validation rows nothing chooses"), "{error}");
    let error = refused("data = \"openclipart\"", "data = \"openclipart-keywords\"");
    assert!(error.contains("its labels are missing in one way, its own"), "{error}");
}

#[test]
fn data_of_a_known_name_and_another_size_gives_a_note() {
    let needs = |classes: usize| {
        format!(
            "{SPEC}[[needs]]\ndata = \"openclipart\"\nobtain = \"it is embedded\"\ntrain_rows = 1400\ntest_rows = 466\nclasses = {classes}\n"
        )
    };
    let notes = |text: &str| {
        let spec = Spec { study: None, ..Spec::parse(text).unwrap() };
        lacuna_harness::Plan::new(&spec, &Overrides::default()).unwrap().notes().join("\n")
    };
    assert_eq!(notes(&needs(34)), "");
    let note = notes(&needs(35));
    assert!(note.starts_with("openclipart has 1400 + 466 rows and 34 classes, and the data that"), "{note}");
}
