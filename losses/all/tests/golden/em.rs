//! `em`, `em_apl`, `apl_selection`.

use crate::case::{Case, SINGLE, compare};
use crate::loss::{Method, derivatives, only, run, zero_is_unknown};
use lacuna_losses::em::reference::{self, Target, lowest_open, quota};
use lacuna_losses::em::{EmApl, EmAplConfig};
use lacuna_losses::{Dual, Label, LossGrad, LossInput, MultiLabelLoss, Real};

pub(crate) fn em(case: &Case) -> Result<(), String> {
    let params = &[("alpha", "alpha"), ("log_epsilon", "log_epsilon")];
    run(case, &Method { loss: "em", coding: zero_is_unknown, params, further: &[] }).map(drop)
}

/// `labels_soft`: 1 positive, 0 unknown, v < 0 a pseudo-negative with the soft target -v.
pub(crate) fn em_apl(case: &Case) -> Result<(), String> {
    only(case, &["alpha", "beta", "log_epsilon"])?;
    let param = |name| case.number("params", name);
    let (alpha, beta, log_epsilon) = (param("alpha")?, param("beta")?, param("log_epsilon")?);
    let logits = case.matrix("inputs", "logits")?;
    let soft = case.numbers("inputs", "labels_soft")?;
    let (rows, classes) = (logits.rows, logits.columns);
    let target = |v: f64| match v {
        1.0 => Ok(Target::Positive),
        0.0 => Ok(Target::Unknown),
        v if (-1.0..0.0).contains(&v) => Ok(Target::Pseudo(-v)),
        v => Err(format!("labels_soft: {v} is no label of this method")),
    };
    let targets = soft.iter().map(|&v| target(v)).collect::<Result<Vec<Target>, String>>()?;

    let n = Dual::of(targets.len() as f64);
    let (value, gradient) = derivatives(&logits.data, |z| {
        let entries = z.iter().zip(&targets);
        Real::sum(entries.map(|(&z, &t)| reference::em(z, t, alpha, beta, log_epsilon))) / n
    });
    case.check("loss", &[value])?;
    case.check("grad_logits", &gradient)?;

    let config = EmAplConfig { alpha, beta, log_epsilon, ..Default::default() };
    let mut loss = EmApl::new(config).map_err(|e| e.to_string())?;
    let label = |t: &Target| if *t == Target::Positive { Label::Positive } else { Label::Unknown };
    let labels: Vec<Label> = targets.iter().map(label).collect();
    for (i, target) in targets.iter().enumerate() {
        if let Target::Pseudo(s) = target {
            let cell = (i / classes, i % classes);
            loss.set_pseudo_label((rows, classes), cell, *s as f32).map_err(|e| e.to_string())?;
        }
    }
    let z: Vec<f32> = logits.data.iter().map(|&z| z as f32).collect();
    let ids: Vec<u32> = (0..rows as u32).collect();
    let (one, mut dz) = ([&z[..]], vec![f32::NAN; z.len()]);
    let input = LossInput { sample_ids: &ids, ..LossInput::new(&one, rows, classes, &labels) };
    let found = loss.evaluate(&input, LossGrad::Into(&mut [&mut dz])).map_err(|e| e.to_string())?;
    let dz: Vec<f64> = dz.iter().map(|&dz| f64::from(dz)).collect();
    if case.name.contains("extreme80") {
        let finite = found.is_finite() && dz.iter().all(|dz| dz.is_finite());
        return if finite { Ok(()) } else { Err("kernel: not finite at extreme logits".to_owned()) };
    }
    compare("kernel, loss", &[f64::from(found)], &[value], SINGLE)?;
    compare("kernel, grad_logits", &dz, &gradient, SINGLE)
}

/// The relabelling rule, step by step on given predictions.
pub(crate) fn apl_selection(case: &Case) -> Result<(), String> {
    only(case, &["neg_proportion", "num_epochs", "warmup_epoch"])?;
    let param = |name| case.number("params", name);
    let rounds = (param("num_epochs")? - param("warmup_epoch")?) as usize;
    let mut labels = case.matrix("inputs", "labels")?;
    let classes = labels.columns;
    let column =
        |data: &[f64], class: usize| -> Vec<f64> { data[class..].iter().step_by(classes).copied().collect() };
    let unknown: Vec<usize> =
        (0..classes).map(|c| column(&labels.data, c).iter().filter(|l| **l == 0.0).count()).collect();
    case.check("unlabeled_count", &unknown.iter().map(|&u| u as f64).collect::<Vec<f64>>())?;
    for step in 0..case.steps()? {
        let p = case.step(step, "probabilities")?;
        for (class, &unknown) in unknown.iter().enumerate() {
            let open: Vec<bool> = column(&labels.data, class).iter().map(|l| *l == 0.0).collect();
            let scores = column(&p, class);
            for row in lowest_open(&open, &scores, quota(param("neg_proportion")?, unknown, rounds)) {
                labels.data[row * classes + class] = -scores[row];
            }
        }
        case.check_step(step, "labels_after", &labels.data)?;
    }
    Ok(())
}
