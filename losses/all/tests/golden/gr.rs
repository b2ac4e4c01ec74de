//! The GR loss, its schedule and the simpler losses of its repository.

use crate::case::Case;
use crate::loss::{Batch, Method, only, run, zero_is_unknown};
use lacuna_losses::gr::reference::{confidence, pseudo_label};
use lacuna_losses::gr::{Confidence, Gr, GrConfig, Point, Preset, Schedule};
use lacuna_losses::{Label, Real};

/// beta = [w, w, b, b], alpha = [mu, sigma, mu, sigma], each at the start and at the end.
pub(crate) fn schedule(
    beta: &[f64],
    alpha: &[f64],
    num_epochs: f64,
    linear_init: f64,
) -> Result<Schedule, String> {
    match (beta, alpha) {
        (&[w0, w1, b0, b1], &[mu0, sigma0, mu1, sigma1]) => Ok(Schedule {
            start: Point { w: w0, b: b0, mu: mu0, sigma: sigma0 },
            end: Point { w: w1, b: b1, mu: mu1, sigma: sigma1 },
            num_epochs: num_epochs as usize,
            linear_init: linear_init as usize,
        }),
        _ => Err("beta and alpha have four numbers each".to_owned()),
    }
}

fn batch(case: &Case, confidence: Confidence, coding: fn(i64) -> Option<Label>) -> Result<Batch, String> {
    let param = |name| case.number("params", name);
    let config = GrConfig {
        confidence,
        q2: param("q2")?,
        q3: param("q3")?,
        log_epsilon: param("log_epsilon")?,
        ..GrConfig::preset(Preset::Voc)
    };
    Batch::of(case, Box::new(Gr::new(config).map_err(|e| e.to_string())?), coding, &[])
}

/// Epochs of the files count from 1.
pub(crate) fn gr(case: &Case) -> Result<(), String> {
    only(case, &["beta", "alpha", "q2", "q3", "num_epochs", "linear_init", "log_epsilon"])?;
    let (beta, alpha) = (case.numbers("params", "beta")?, case.numbers("params", "alpha")?);
    let (num_epochs, linear_init) =
        (case.number("params", "num_epochs")?, case.number("params", "linear_init")?);
    let schedule = schedule(&beta, &alpha, num_epochs, linear_init)?;
    let mut batch = batch(case, Confidence::Scheduled(schedule), zero_is_unknown)?;
    batch.epoch = batch.epoch.checked_sub(1).ok_or("epochs count from 1")?;
    let at = schedule.at(batch.epoch);
    for (name, value) in [("w", at.w), ("b", at.b), ("mu", at.mu), ("sigma", at.sigma)] {
        case.check(name, &[value])?;
    }
    let p = || batch.z[0].iter().map(|&z| Real::sigmoid(z));
    case.check("k", &p().map(|p| pseudo_label(p, at)).collect::<Vec<f64>>())?;
    case.check("v", &p().map(|p| confidence(p, at)).collect::<Vec<f64>>())?;
    batch.check(case)
}

/// 0 is unknown, -1 counts nothing.
pub(crate) fn gr_stable(case: &Case) -> Result<(), String> {
    only(case, &["w", "b", "mu", "sigma", "q2", "q3", "log_epsilon"])?;
    let param = |name| case.number("params", name);
    let point = Point { w: param("w")?, b: param("b")?, mu: param("mu")?, sigma: param("sigma")? };
    let coding = |label| if label == -1 { Some(Label::Negative) } else { zero_is_unknown(label) };
    batch(case, Confidence::Fixed(point), coding)?.check(case)
}

pub(crate) fn gr_schedule(case: &Case) -> Result<(), String> {
    only(case, &["beta", "alpha"])?;
    let (beta, alpha) = (case.numbers("params", "beta")?, case.numbers("params", "alpha")?);
    let mut rows = Vec::new();
    for row in case.matrix("inputs", "rows_in")?.data.chunks(3) {
        let &[num_epochs, linear_init, epoch] = row else {
            return Err("rows_in has three columns".to_owned());
        };
        let at = schedule(&beta, &alpha, num_epochs, linear_init)?.at(epoch as usize - 1);
        rows.extend([num_epochs, linear_init, epoch, at.w, at.b, at.mu, at.sigma]);
    }
    case.check("rows", &rows)
}

fn simple(case: &Case, loss: &'static str) -> Result<(), String> {
    let params = &[("log_epsilon", "log_epsilon")];
    run(case, &Method { loss, coding: zero_is_unknown, params, further: &[] }).map(drop)
}

pub(crate) fn repo_epr(case: &Case) -> Result<(), String> {
    simple(case, "gr-repo-epr")
}

pub(crate) fn repo_hill(case: &Case) -> Result<(), String> {
    simple(case, "gr-repo-hill")
}

pub(crate) fn repo_weight(case: &Case) -> Result<(), String> {
    simple(case, "gr-repo-weight")
}
