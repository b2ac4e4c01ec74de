//! Published forms that are configurations of a crate and no rows of a table.

use super::frequency::{Shift, balanced, rebalance};
use super::{Case, Formula, agree, batches, gr, pu};
use lacuna_losses::distribution_balanced::{
    ClassBalance, Norm, Preset, Resample, ResampleConfig, Reweight, Variant,
};
use lacuna_losses::gr::{Confidence, Gr, GrConfig, Point};
use lacuna_losses::pu::{Pu, PuConfig, Risk, Surrogate};
use lacuna_losses::{ClassStatistics, Context, Label, LossError, MultiLabelLoss, Options, find};

type Make = fn(&ClassStatistics) -> Result<Box<dyn MultiLabelLoss>, LossError>;

/// What it is, the row whose parameters it has, the loss, its formula.
const FORMS: &[(&str, &str, Make, Formula)] = &[
    (
        "the shift of the paper",
        "db-focal",
        |train| resample(Variant::DbFocal, train, |config| config.paper_bias = true),
        |c| balanced(c, rebalance, Shift::Paper),
    ),
    (
        "weights divided by the largest of the row",
        "db-focal",
        |train| resample(Variant::DbFocal, train, |config| config.norm = Norm::ByInstance),
        |c| balanced(c, |c, i| rebalance(c, i) / largest(c, i / c.classes..i / c.classes + 1), Shift::Code),
    ),
    (
        "weights divided by the largest of the batch",
        "db-focal",
        |train| resample(Variant::DbFocal, train, |config| config.norm = Norm::ByBatch),
        |c| balanced(c, |c, i| rebalance(c, i) / largest(c, 0..c.rows), Shift::Code),
    ),
    (
        "the mean effective number of the positives",
        "cb-focal",
        |train| resample(Variant::CbFocal, train, |config| mode(config, ClassBalance::AverageWeight)),
        |c| {
            balanced(
                c,
                |c, i| {
                    let weights: Vec<f64> = counts(c, i).into_iter().map(|n| weight(c, n)).collect();
                    if weights.is_empty() { weight(c, 100_000.0) } else { mean(&weights) }
                },
                Shift::Code,
            )
        },
    ),
    (
        "the effective number of the mean count",
        "cb",
        |train| resample(Variant::Cb, train, |config| mode(config, ClassBalance::AverageN)),
        |c| {
            let of_row = |c: &Case<'_>, i| {
                let counts = counts(c, i);
                weight(c, if counts.is_empty() { 100_000.0 } else { mean(&counts) })
            };
            balanced(c, of_row, Shift::Code)
        },
    ),
    (
        "the effective number of the rarest positive",
        "cb",
        |train| resample(Variant::Cb, train, |config| mode(config, ClassBalance::MinN)),
        |c| {
            let of_row = |c: &Case<'_>, i| weight(c, counts(c, i).into_iter().fold(100_000.0, f64::min));
            balanced(c, of_row, Shift::Code)
        },
    ),
    (
        "softplus as surrogate",
        "upu",
        |train| risk(train, Risk::Unbiased, true, false),
        |c| pu::risk_of(c, None, true, false),
    ),
    (
        "positives among the unlabelled",
        "upu",
        |train| risk(train, Risk::Unbiased, false, true),
        |c| pu::risk_of(c, None, false, true),
    ),
    (
        "softplus and positives among the unlabelled",
        "nnpu",
        |train| risk(train, Risk::NonNegative, true, true),
        |c| pu::risk_of(c, Some((0.0, 1.0)), true, true),
    ),
    (
        "the same pseudo-labels in every epoch",
        "gr-voc",
        |_| {
            let point = Point { w: 1.25, b: -2.0, mu: 0.6, sigma: 0.3 };
            let config = GrConfig {
                confidence: Confidence::Fixed(point),
                ..GrConfig::preset(lacuna_losses::gr::Preset::Voc)
            };
            Ok(Box::new(Gr::new(config)?))
        },
        |c| gr::gr_at(c, [1.25, -2.0, 0.6, 0.3]),
    ),
];

fn resample(
    variant: Variant,
    train: &ClassStatistics,
    change: fn(&mut ResampleConfig),
) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let mut config = variant.config(Preset::Coco);
    change(&mut config);
    Ok(Box::new(Resample::new(variant, config, train)?))
}

fn mode(config: &mut ResampleConfig, mode: ClassBalance) {
    config.reweight = Reweight::ClassBalanced { beta: 0.9, mode };
}

fn risk(
    train: &ClassStatistics,
    risk: Risk,
    logistic: bool,
    unlabelled_includes_positives: bool,
) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let surrogate = if logistic { Surrogate::Logistic } else { Surrogate::Sigmoid };
    let kept = find(risk.info().name)?.info.param("kept").and_then(|p| p.default).expect("a default");
    let priors: Vec<f64> = train.positives().iter().map(|n| n / train.rows() / kept).collect();
    let config = PuConfig { surrogate, unlabelled_includes_positives, ..PuConfig::default() };
    Ok(Box::new(Pu::new(risk, config, &priors)?))
}

/// The largest weight of some rows.
fn largest(c: &Case<'_>, rows: std::ops::Range<usize>) -> f64 {
    let cells = rows.start * c.classes..rows.end * c.classes;
    cells.map(|i| rebalance(c, i)).fold(0.0, f64::max)
}

/// Counts of the positives of the row of cell i.
fn counts(c: &Case<'_>, i: usize) -> Vec<f64> {
    let row = i / c.classes * c.classes;
    let positive = (0..c.classes).filter(|class| c.labels[row + class] == Label::Positive);
    positive.map(|class| c.train.positives()[class]).collect()
}

fn weight(c: &Case<'_>, n: f64) -> f64 {
    let b = c.p("cb_beta");
    (1.0 - b) / (1.0 - b.powf(n))
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

#[test]
fn every_form_is_its_formula() {
    let mut wrong = Vec::new();
    for &(what, name, make, formula) in FORMS {
        let row = find(name).unwrap();
        let options = Options::default().within(Context::default());
        for batch in batches(row) {
            if let Err(e) = agree(row, &make, formula, &options, &batch) {
                wrong.push(format!("{name}, {what}, {}: {e}", batch.what));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them\n{}", wrong.len(), wrong.join("\n"));
}
