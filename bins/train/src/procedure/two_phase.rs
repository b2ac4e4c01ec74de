//! A perceptron that starts as the linear head of the phase before.

use super::plain::{Plain, STRONG};
use super::{Beside, Build, ProcedureRow};
use crate::{Head, TrainError};
use lacuna_protocols::Stream;

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "two-phase",
    doc: "Plain training of a perceptron with one hidden layer and ReLU, which starts with exactly the logits of the linear head \
          that the phase before trained.",
    source: "the linear initialisation of Cole et al., CVPR 2021, for a head on fixed features: ours, with max(u, 0) - max(-u, 0) = u",
    beside: Beside::Nothing,
    settings: &[STRONG],
    build: |parts| {
        let plain = Plain::plain(parts, "two-phase")?;
        if !parts.resuming {
            start_linear(parts)?;
        }
        Ok(Box::new(plain))
    },
};

/// Sets the first weights: of the H hidden units C hold W, C hold -W and the others are random with zero output weights,
/// so that they change no logit and learn.
fn start_linear(parts: &mut Build<'_, '_>) -> Result<(), TrainError> {
    let wrong = |problem: String| Err(TrainError::Setting(format!("procedure two-phase: {problem}")));
    let (features, classes) = (parts.train.features.columns(), parts.train.classes());
    let Some(before) = parts.before else {
        return wrong("it starts from the linear head of a phase before it, and there is none; a second phase says start = \"last\" or \
             \"best\""
            .to_string());
    };
    let hidden = match parts.head {
        Head::Mlp(mlp) if mlp.hidden.len() == 1 && mlp.activation == "relu" && !mlp.batch_norm => {
            mlp.hidden[0]
        }
        other => {
            return wrong(format!(
                "the head is {other}; it takes a perceptron with one hidden layer, ReLU and no batch norm"
            ));
        }
    };
    if hidden < 2 * classes {
        return wrong(format!(
            "{hidden} hidden units are too few; the logits of {classes} classes take at least {}",
            2 * classes
        ));
    }
    let find = |name: &str, len: usize| match before.iter().find(|(known, _)| known == name) {
        Some((_, values)) if values.len() == len => Ok(values),
        _ => Err(TrainError::Setting(format!(
            "procedure two-phase: the phase before has no linear head of {features} features and {classes} classes"
        ))),
    };
    let (w, b) = (find("weight", features * classes)?, find("bias", classes)?);
    let random = &mut Stream::new(parts.seed, "hidden units");
    let bound = 1.0 / (features as f32).sqrt();
    let last =
        parts.tape.entries().filter(|e| e.name.ends_with(".weight")).map(|e| e.name.to_string()).last();
    parts.tape.update_entries(|_, entry| match entry.name {
        "0.weight" => {
            for (row, w) in entry.value.chunks_mut(hidden).zip(w.chunks(classes)) {
                for (unit, out) in row.iter_mut().enumerate() {
                    *out = match unit {
                        _ if unit < classes => w[unit],
                        _ if unit < 2 * classes => -w[unit - classes],
                        _ => random.uniform(-bound, bound),
                    };
                }
            }
        }
        "0.bias" => {
            for (unit, out) in entry.value.iter_mut().enumerate() {
                *out = match unit {
                    _ if unit < classes => b[unit],
                    _ if unit < 2 * classes => -b[unit - classes],
                    _ => 0.0,
                };
            }
        }
        name if Some(name) == last.as_deref() => {
            for (unit, row) in entry.value.chunks_mut(classes).enumerate() {
                for (class, out) in row.iter_mut().enumerate() {
                    *out = match unit {
                        _ if unit == class => 1.0,
                        _ if unit == class + classes => -1.0,
                        _ => 0.0,
                    };
                }
            }
        }
        _ => entry.value.fill(0.0),
    });
    Ok(())
}
