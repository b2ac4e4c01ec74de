//! The masks of the reference procedures, bit for bit.

use crate::real_data;
use lacuna_harness::{Overrides, Plan, ProtocolSpec, Spec, SplitDataset, Stage, Validation};
use lacuna_labels::{Label, LabelMatrix};
use lacuna_losses::{LabelNeeds, find};
use lacuna_source::DataSource;
use std::collections::BTreeMap;
use std::path::Path;

fn load(source: &DataSource, name: &str, seed: u64, settings: &[(&str, f64)]) -> SplitDataset {
    let settings: BTreeMap<String, f64> = settings.iter().map(|(k, v)| (k.to_string(), *v)).collect();
    let stage = if name == "labelled-share" { Stage::AfterSplit } else { Stage::BeforeSplit };
    let validation = if stage == Stage::AfterSplit { Validation::Holdout } else { Validation::None };
    let protocol = ProtocolSpec {
        name: name.to_string(),
        seed: Some(seed),
        settings,
        stage,
        validation,
        ..ProtocolSpec::default()
    };
    SplitDataset::load(source, &protocol, &[find("an").unwrap()]).unwrap()
}

/// The digest of labels as bytes: 1 for positives, `negative` for negatives, 0 for the rest.
fn digest(labels: &LabelMatrix, rows: &[usize], negative: u8) -> String {
    let byte = |label: &Label| match label {
        Label::Positive => 1,
        Label::Negative => negative,
        Label::Unknown => 0,
    };
    let bytes: Vec<u8> = rows.iter().flat_map(|row| labels.row(*row)).map(byte).collect();
    hex(&bytes)
}

fn hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn observed(data: &SplitDataset) -> &LabelMatrix {
    data.observed(LabelNeeds::SinglePositive).matrix()
}

#[test]
fn masks_of_ucmerced_are_those_of_the_reference() {
    let Some(folder) = real_data("ucmerced") else { return };
    let source = DataSource::named(&folder).unwrap();
    let all: Vec<usize> = (0..1680).collect();
    let drop = load(&source, "cell-drop", 1200, &[("rate", 0.5)]);
    assert_eq!(
        digest(observed(&drop), &all, 0),
        "088beefcaef3de00a6837684025f1ce0806c66ca85723bb619e2c2baca005d90"
    );
    for (known, expected) in [
        (0.1, "5038ab44774eb6464d482428ace5b9465ddae2e4f2255283460bf4d3fa25dcc2"),
        (0.3, "0b883a3fd276e8394a7ed277419265b45eb319280bbb9ef5d1567d2729c054e2"),
        (0.5, "3b82302d4f156391438190c8b14a52760736b095740c79330f5a5ece22e56e2e"),
    ] {
        let cells = load(&source, "known-cells", 0, &[("known", known)]);
        assert_eq!(digest(observed(&cells), &all, 255), expected, "{known}");
    }
    let tail = load(&source, "geometric-long-tail", 0, &[("max", 600.0), ("min", 6.0), ("missing", 0.4)]);
    let rows: Vec<u8> = tail.split.train.iter().flat_map(|row| (*row as i64).to_le_bytes()).collect();
    assert_eq!(hex(&rows), "2fed11632847c36ab66362d8b85df89b10f7ac74aacd1786a7a49db4bf0d6300");
    assert_eq!(
        digest(observed(&tail), &tail.split.train, 0),
        "0b95c6b809da21993261a8094030f7490c92d31ba690455af6548319a76bfe68"
    );
    let single = load(&source, "single-positive", 1200, &[]);
    assert_eq!(
        digest(observed(&single), &all, 0),
        "937571be23d117aef322fd789af18e1d443603ba003dc956d1dc9bdf210e6e0d"
    );
    // The labelled rows come first, in the order in which batches visit them.
    let semi = load(&source, "labelled-share", 1, &[("labelled", 0.1)]);
    let known = |row: &&usize| observed(&semi).row(**row).iter().all(|label| label.is_known());
    let labelled: Vec<usize> = semi.split.train.iter().take_while(known).copied().collect();
    assert_eq!((labelled.len(), semi.split.train.iter().filter(known).count()), (134, 134));
    let bytes: Vec<u8> = labelled.iter().flat_map(|row| (*row as i64).to_le_bytes()).collect();
    assert_eq!(hex(&bytes), "e8c3c29845730ed04c83469e1fb75367109ea94eae31b3009b8c6d72fa56c297");
}

#[test]
fn the_mask_of_the_embedded_long_tail_is_that_of_the_reference() {
    let source = DataSource::embedded("voc-mlt-like");
    let drop = load(&source, "cell-drop", 0, &[("rate", 0.4)]);
    let all: Vec<usize> = (0..1510).collect();
    assert_eq!(
        digest(observed(&drop), &all, 0),
        "ff13ab144132ceb7b2124d34476cb74c64e57d2fcd2bf66e7a94b1597ef652f4"
    );
}

#[test]
fn every_specification_can_be_planned_on_its_own_data() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../repro/specs");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let spec = Spec::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        spec.check().unwrap();
        // Pictures take a while to draw, and are planned elsewhere.
        if spec.name != "shapes-cnn" {
            let plan = Plan::new(&spec, &Overrides::default());
            plan.unwrap_or_else(|error| panic!("{}: {error}", spec.name));
        }
        seen += 1;
    }
    assert!(seen >= 10, "{seen} specifications");
}
