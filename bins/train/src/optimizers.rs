//! Optimisers and schedules that a specification can name.

use crate::named::{NamedRow, SettingInfo, Values, optional, setting};
use crate::{Named, TrainError};
use lacuna_losses::Interval;
use lacuna_nn::{
    Adam, AdamConfig, Anneal, Constant, Decay, Lbfgs, LbfgsConfig, Matches, OneCycle, Optimizer, ParamGroup,
    Schedule, Sgd, SgdConfig, StepDecay, WarmupCosine, WarmupSteps,
};
use serde::{Deserialize, Serialize};

/// One row of [`OPTIMIZERS`].
#[derive(Debug)]
pub struct OptimizerRow {
    /// Name in a specification.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    settings: &'static [SettingInfo],
    build: fn(f32, Vec<ParamGroup>, &Values) -> Stepper,
}

impl NamedRow for OptimizerRow {
    const KIND: &'static str = "optimizer";
    fn name(&self) -> &'static str {
        self.name
    }
    fn settings(&self) -> &'static [SettingInfo] {
        self.settings
    }
}

/// The kind of optimiser: a step for each batch, or iterations over all rows at once.
pub(crate) enum Stepper {
    /// A step for each batch.
    Batches(Box<dyn Optimizer>),
    /// An iteration an epoch, over one batch of all rows.
    Whole(Box<Lbfgs>),
}

/// From 0 to just below 1.
const BELOW_ONE: Interval = Interval::closed(0.0, 1.0 - f64::EPSILON);

const DECAY: SettingInfo = setting("weight_decay", 0.0, Interval::at_least(0.0), "decay of the weights");
const BETAS: [SettingInfo; 3] = [
    setting("beta1", 0.9, BELOW_ONE, "decay of the first moment"),
    setting("beta2", 0.999, BELOW_ONE, "decay of the second moment"),
    setting("eps", 1e-8, Interval::above(0.0), "added to the root of the second moment"),
];
const ADAM: &[SettingInfo] = &[DECAY, BETAS[0], BETAS[1], BETAS[2]];

fn adam(lr: f32, groups: Vec<ParamGroup>, values: &Values, decay: Decay) -> Stepper {
    Stepper::Batches(Box::new(Adam::new(AdamConfig {
        lr,
        beta1: values.get("beta1") as f32,
        beta2: values.get("beta2") as f32,
        eps: values.get("eps") as f32,
        weight_decay: values.get("weight_decay") as f32,
        decay,
        groups,
    })))
}

/// Every optimiser.
pub static OPTIMIZERS: &[OptimizerRow] = &[
    OptimizerRow {
        name: "adam",
        doc: "Adam; weight decay is added to the gradient (torch.optim.Adam).",
        settings: ADAM,
        build: |lr, groups, values| adam(lr, groups, values, Decay::L2),
    },
    OptimizerRow {
        name: "adamw",
        doc: "Adam with decoupled weight decay (torch.optim.AdamW).",
        settings: ADAM,
        build: |lr, groups, values| adam(lr, groups, values, Decay::Decoupled),
    },
    OptimizerRow {
        name: "sgd",
        doc: "Gradient descent with momentum (torch.optim.SGD).",
        settings: &[
            DECAY,
            setting("momentum", 0.0, BELOW_ONE, "momentum"),
            setting(
                "dampening",
                0.0,
                Interval::closed(0.0, 1.0),
                "share of a gradient that does not enter the velocity",
            ),
            setting("nesterov", 0.0, Interval::closed(0.0, 1.0), "1 for Nesterov's form"),
        ],
        build: |lr, groups, values| {
            Stepper::Batches(Box::new(Sgd::new(SgdConfig {
                lr,
                momentum: values.get("momentum") as f32,
                dampening: values.get("dampening") as f32,
                nesterov: values.flag("nesterov"),
                weight_decay: values.get("weight_decay") as f32,
                groups,
            })))
        },
    },
    OptimizerRow {
        name: "lbfgs",
        doc: "L-BFGS with a strong-Wolfe line search over all rows at once; an epoch is an iteration. For heads and losses \
              whose sum is smooth, as a linear head has.",
        settings: &[
            DECAY,
            setting(
                "history",
                10.0,
                Interval::whole_from(1.0),
                "pairs of steps and gradients that are remembered",
            ),
            setting(
                "tolerance",
                1e-5,
                Interval::at_least(0.0),
                "largest entry of the gradient at which it has converged",
            ),
        ],
        build: |_, groups, values| {
            Stepper::Whole(Box::new(Lbfgs::new(LbfgsConfig {
                history: values.get("history") as usize,
                tolerance_grad: values.get("tolerance"),
                weight_decay: values.get("weight_decay") as f32,
                groups,
                ..LbfgsConfig::default()
            })))
        },
    },
];

/// Parameters with rates of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Which parameters: `bias` for every bias and every other one-dimensional parameter, `*.weight` for names that end
    /// so, else how their names start.
    pub matches: String,
    /// The factor of the learning rate.
    #[serde(default = "one")]
    pub lr_factor: f64,
    /// Weight decay; that of the optimiser by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// A schedule of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Named>,
}

fn one() -> f64 {
    1.0
}

impl GroupSpec {
    /// As the optimisers take it.
    pub(crate) fn group(&self) -> Result<ParamGroup, TrainError> {
        if !(self.lr_factor.is_finite() && self.lr_factor >= 0.0) {
            let problem =
                format!("group {}: lr_factor = {}, expected at least 0", self.matches, self.lr_factor);
            return Err(TrainError::Setting(problem));
        }
        if let Some(decay) = self.weight_decay.filter(|decay| !(decay.is_finite() && *decay >= 0.0)) {
            let problem = format!("group {}: weight_decay = {decay}, expected at least 0", self.matches);
            return Err(TrainError::Setting(problem));
        }
        let matches = match self.matches.strip_prefix('*') {
            _ if self.matches == "bias" => Matches::Bias,
            Some(end) => Matches::Suffix(end.to_string()),
            None => Matches::Prefix(self.matches.clone()),
        };
        let weight_decay = self.weight_decay.map(|decay| decay as f32);
        Ok(ParamGroup { matches, lr_factor: self.lr_factor as f32, weight_decay })
    }
}

/// One row of [`SCHEDULES`].
#[derive(Debug)]
pub struct ScheduleRow {
    /// Name in a specification.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    settings: &'static [SettingInfo],
    build: fn(&Values, Length) -> Box<dyn Schedule + Send>,
}

impl NamedRow for ScheduleRow {
    const KIND: &'static str = "schedule";
    fn name(&self) -> &'static str {
        self.name
    }
    fn settings(&self) -> &'static [SettingInfo] {
        self.settings
    }
}

/// The steps and epochs of a schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Length {
    /// Rate of the specification.
    pub(crate) lr: f64,
    /// Steps of an epoch.
    pub(crate) steps_per_epoch: u64,
    /// Epochs that are trained.
    pub(crate) epochs: u64,
}

impl Length {
    /// Steps of the epochs that are planned: those that are trained, unless the schedule ends early.
    fn total(&self, values: &Values) -> u64 {
        self.steps_per_epoch * values.given("epochs").map_or(self.epochs, |epochs| epochs as u64)
    }
}

const EPOCHS: SettingInfo = optional(
    "epochs",
    Interval::whole_from(1.0),
    "epochs that the schedule is made for; by default the trained epochs",
);

/// Every schedule of the learning rate.
pub static SCHEDULES: &[ScheduleRow] = &[
    ScheduleRow {
        name: "constant",
        doc: "The same rate throughout.",
        settings: &[],
        build: |_, length| Box::new(Constant { lr: length.lr }),
    },
    ScheduleRow {
        name: "step",
        doc: "Multiplied with gamma after every so many epochs.",
        settings: &[
            setting("every", 10.0, Interval::whole_from(1.0), "epochs at the same rate"),
            setting("gamma", 0.1, Interval::above(0.0), "what the rate is multiplied with"),
            setting(
                "first",
                0.0,
                Interval::whole_from(0.0),
                "number of the first epoch: 1 where a code steps the schedule before it",
            ),
        ],
        build: |values, length| {
            let (step_size, gamma) = (values.get("every") as u64, values.get("gamma"));
            let schedule = StepDecay { lr: length.lr, step_size, gamma };
            let (per_epoch, first) = (length.steps_per_epoch, values.get("first") as u64);
            Box::new(ByEpoch { schedule, per_epoch, first })
        },
    },
    ScheduleRow {
        name: "warmup-step",
        doc: "A linear warm-up by steps, then multiplied with gamma at every milestone.",
        settings: &[
            setting("warmup_steps", 500.0, Interval::whole_from(0.0), "steps of the warm-up"),
            setting("warmup_ratio", 1.0 / 3.0, Interval::closed(0.0, 1.0), "first rate over the regular one"),
            optional(
                "milestones",
                Interval::whole_from(0.0),
                "epochs, counted from 0, from which the rate is multiplied once more",
            ),
            setting("gamma", 0.1, Interval::above(0.0), "what the rate is multiplied with"),
        ],
        build: |values, length| {
            Box::new(WarmupSteps {
                lr: length.lr,
                warmup_iters: values.get("warmup_steps") as u64,
                warmup_ratio: values.get("warmup_ratio"),
                milestones: values
                    .list("milestones")
                    .iter()
                    .map(|e| *e as u64 * length.steps_per_epoch)
                    .collect(),
                gamma: values.get("gamma"),
            })
        },
    },
    ScheduleRow {
        name: "cosine",
        doc: "Half a cosine down to 0, after a linear warm-up if there is one.",
        settings: &[setting("warmup", 0.0, Interval::whole_from(0.0), "epochs of the warm-up"), EPOCHS],
        build: |values, length| {
            let warmup_steps = values.get("warmup") as u64 * length.steps_per_epoch;
            Box::new(WarmupCosine { lr: length.lr, warmup_steps, total_steps: length.total(values) })
        },
    },
    ScheduleRow {
        name: "one-cycle",
        doc: "Up to the rate and down to almost nothing by a cosine, momentum or beta1 the other way round \
              (torch.optim.lr_scheduler.OneCycleLR).",
        settings: &[
            EPOCHS,
            setting("pct_start", 0.3, Interval::open(0.0, 1.0), "share of the steps on the way up"),
            setting("div_factor", 25.0, Interval::above(0.0), "rate over the first rate"),
            setting("final_div_factor", 1e4, Interval::above(0.0), "first rate over the last rate"),
            setting("base_momentum", 0.85, BELOW_ONE, "momentum at the largest rate"),
            setting("max_momentum", 0.95, BELOW_ONE, "momentum at first and at last"),
            setting("cycle_momentum", 1.0, Interval::closed(0.0, 1.0), "0 leaves the momentum alone"),
            setting("linear", 0.0, Interval::closed(0.0, 1.0), "1 for straight lines in place of cosines"),
            setting("three_phase", 0.0, Interval::closed(0.0, 1.0), "1 goes down by the first rate"),
        ],
        build: |values, length| {
            Box::new(OneCycle {
                pct_start: values.get("pct_start"),
                div_factor: values.get("div_factor"),
                final_div_factor: values.get("final_div_factor"),
                momentum: values
                    .flag("cycle_momentum")
                    .then(|| (values.get("base_momentum"), values.get("max_momentum"))),
                anneal: if values.flag("linear") { Anneal::Linear } else { Anneal::Cosine },
                three_phase: values.flag("three_phase"),
                ..OneCycle::new(length.lr, length.total(values))
            })
        },
    },
];

/// A schedule that counts epochs, from number `first` on.
struct ByEpoch<S> {
    schedule: S,
    per_epoch: u64,
    first: u64,
}

impl<S: Schedule> Schedule for ByEpoch<S> {
    fn learning_rate(&self, step: u64) -> f64 {
        self.schedule.learning_rate(self.first + step / self.per_epoch)
    }
}

/// The optimiser of a phase.
///
/// # Errors
/// [`TrainError::Setting`].
pub(crate) fn optimizer(named: &Named, lr: f64, groups: Vec<ParamGroup>) -> Result<Stepper, TrainError> {
    let (row, values) = named.find(OPTIMIZERS)?;
    Ok((row.build)(lr as f32, groups, &values))
}

/// The schedule of a phase or of one of its groups.
///
/// # Errors
/// [`TrainError::Setting`].
pub(crate) fn schedule(named: &Named, length: Length) -> Result<Box<dyn Schedule + Send>, TrainError> {
    let (row, values) = named.find(SCHEDULES)?;
    Ok((row.build)(&values, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rates of a schedule, of five steps an epoch, at these steps.
    fn rates(named: &Named, steps: &[u64]) -> Vec<f64> {
        let schedule = schedule(named, Length { lr: 1.0, steps_per_epoch: 5, epochs: 4 }).unwrap();
        steps.iter().map(|&step| schedule.learning_rate(step)).collect()
    }

    fn named(name: &str, settings: &[(&str, &[f64])]) -> Named {
        let settings = settings.iter().map(|(name, values)| (name.to_string(), values.to_vec())).collect();
        Named { name: name.to_string(), settings }
    }

    /// Settings are in epochs, and schedules count steps.
    #[test]
    fn epochs_of_schedules_become_steps() {
        let milestones =
            named("warmup-step", &[("warmup_steps", &[0.0]), ("milestones", &[1.0, 3.0]), ("gamma", &[0.5])]);
        assert_eq!(rates(&milestones, &[4, 5, 14, 15]), [1.0, 0.5, 0.5, 0.25]);
        let decay = named("step", &[("every", &[2.0]), ("gamma", &[0.5])]);
        assert_eq!(rates(&decay, &[9, 10]), [1.0, 0.5]);
        // The warm-up ends with its second epoch, and half of the others are over at step 15.
        let cosine = named("cosine", &[("warmup", &[2.0])]);
        let found = rates(&cosine, &[10, 15]);
        assert!(found[0] == 1.0 && (found[1] - 0.5).abs() < 1e-12, "{found:?}");
    }
}
