//! Every rule catches a loss that breaks it.

use super::{Build, check};
use crate::{
    Dual, Label, LabelUse, LossError, LossGrad, LossInfo, LossInput, MultiLabelLoss, Real, StateEntry,
    only_state,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is wrong with the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Value,
    Slope,
    Adds,
    ValueWithoutGradient,
    UnknownHasSlope,
    UnknownHasValue,
    UnknownIsHalfANegative,
    ByRow,
    ByClass,
    Overflows,
    OverflowsTogether,
    AcceptsNan,
    AcceptsNanUnderUnknown,
    NamesAnotherCell,
    CountsRefusals,
    AcceptsShapes,
    IgnoresSoft,
    ForgetsState,
    AcceptsState,
    NamesNoRow,
    RefusesMost,
}

const fn info(labels: LabelUse) -> LossInfo {
    LossInfo {
        name: "test",
        title: "",
        paper: "",
        year: 2000,
        experimental: true,
        labels,
        formula: "",
        params: &[],
    }
}

static KNOWN_ONLY: LossInfo = info(LabelUse::KnownOnly);
static AS_NEGATIVE: LossInfo = info(LabelUse::UnknownAsNegative);
static ONE_POSITIVE: LossInfo = info(LabelUse::OnePositive);

/// w [y lp + (1 - y) ln], w = 1 and, for a state to speak of, 2 from the second gradient on.
#[derive(Debug)]
struct Test {
    info: &'static LossInfo,
    fault: Fault,
    steps: f64,
}

impl Test {
    /// The target of a label; `None` for a cell that does not count.
    fn target(&self, label: Label) -> Option<f64> {
        match (label, self.info.labels) {
            (Label::Positive, _) => Some(1.0),
            (Label::Unknown, LabelUse::KnownOnly) => None,
            _ => Some(0.0),
        }
    }

    fn weight(&self) -> f64 {
        if self.steps >= 1.0 { 2.0 } else { 1.0 }
    }
}

impl MultiLabelLoss for Test {
    fn info(&self) -> &'static LossInfo {
        self.info
    }

    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError> {
        let is = |fault: Fault| self.fault == fault;
        let name = self.info.name;
        if !is(Fault::AcceptsShapes) {
            input.check(name, 1, &grad)?;
        }
        if is(Fault::RefusesMost) && (input.classes > 1 || input.rows > 30) {
            return Err(LossError::Classes { loss: name, found: input.classes, needed: 1 });
        }
        match input.targets.soft {
            Some(_) if is(Fault::IgnoresSoft) => {}
            Some(_) => input.check_hard(name)?,
            None => {}
        }
        if self.info.labels == LabelUse::OnePositive && !is(Fault::NamesNoRow) {
            input.check_one_positive(name)?;
        }
        let labels = input.targets.labels;
        let hidden = |error: &LossError| match *error {
            LossError::NonFinite { row, class, .. } => {
                let unknown = labels[row * input.classes + class] == Label::Unknown;
                is(Fault::AcceptsNan) || (is(Fault::AcceptsNanUnderUnknown) && unknown)
            }
            _ => false,
        };
        match input.first_non_finite().filter(|error| !hidden(error)) {
            Some(LossError::NonFinite { row, value, .. }) if is(Fault::NamesAnotherCell) => {
                return Err(LossError::NonFinite { row, class: 0, value });
            }
            Some(error) => {
                if self.fault == Fault::CountsRefusals {
                    self.steps += 1.0;
                }
                return Err(error);
            }
            None => {}
        }
        let (z, w, wanted) = (input.logits[0], self.weight(), matches!(grad, LossGrad::Into(_)));
        let mut dz = grad.into_single();
        let mut total = 0.0;
        let alike = z.iter().all(|other| *other == z[0]);
        for (i, (&logit, &label)) in z.iter().zip(labels).enumerate() {
            let x = f64::from(logit);
            let target = self.target(label);
            let y = target.unwrap_or_default();
            let mut by = if target.is_some() { w } else { 0.0 };
            match self.fault {
                Fault::UnknownIsHalfANegative if label == Label::Unknown => by *= 0.5,
                Fault::ByRow => by *= 1.0 + (i / input.classes) as f64,
                Fault::ByClass => by *= 1.0 + (i % input.classes) as f64,
                _ => {}
            }
            let mut cost = by * (y * (-x).softplus() + (1.0 - y) * x.softplus());
            let mut slope = by * (Real::sigmoid(x) - y);
            match self.fault {
                Fault::Value => cost *= 1.001,
                Fault::Slope => slope *= 1.001,
                Fault::ValueWithoutGradient if !wanted => cost *= 1.0 + 1e-6,
                Fault::UnknownHasSlope if label == Label::Unknown => slope = 1e-30,
                Fault::UnknownHasValue if label == Label::Unknown => cost = 1e-7,
                Fault::Overflows if x.abs() > 1e3 => cost = f64::INFINITY,
                Fault::OverflowsTogether if alike && x == 80.0 && z.len() > 1 => slope = f64::NAN,
                _ => {}
            }
            total += cost;
            if let Some(dz) = &mut dz {
                dz[i] = if self.fault == Fault::Adds { dz[i] + slope as f32 } else { slope as f32 };
            }
        }
        self.steps += f64::from(u8::from(wanted));
        Ok(total as f32)
    }

    /// The formula, which has the faults that a method may have and a fast path may not hide.
    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual {
        let entry = |i: usize| {
            let (x, label) = (z[0][i], input.targets.labels[i]);
            let by = match self.fault {
                Fault::UnknownIsHalfANegative if label == Label::Unknown => 0.5,
                Fault::ByRow => 1.0 + (i / input.classes) as f64,
                Fault::ByClass => 1.0 + (i % input.classes) as f64,
                _ => 1.0,
            };
            match self.target(label) {
                Some(y) => {
                    let cost = Dual::of(y) * (-x).softplus() + Dual::of(1.0 - y) * x.softplus();
                    Dual::of(by * self.weight()) * cost
                }
                None => Dual::of(0.0),
            }
        };
        Real::sum((0..z[0].len()).map(entry))
    }

    fn state(&self) -> Vec<StateEntry> {
        vec![StateEntry { name: "steps".to_owned(), values: vec![self.steps] }]
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), LossError> {
        match (only_state("test", "steps", entries), self.fault) {
            (_, Fault::ForgetsState) => Ok(()),
            (Err(_), Fault::AcceptsState) => Ok(()),
            (Err(error), _) => Err(error),
            (Ok([steps]), _) => {
                self.steps = *steps;
                Ok(())
            }
            (Ok(_), _) => Err(LossError::State("`steps` is one number".to_owned())),
        }
    }
}

/// What the check says to a loss, if anything.
fn complaint(info: &'static LossInfo, fault: Fault) -> Option<String> {
    let build: Build<'_> = &|_| Box::new(Test { info, fault, steps: 0.0 });
    let caught = catch_unwind(AssertUnwindSafe(|| check(build))).err()?;
    Some(match caught.downcast::<String>() {
        Ok(message) => *message,
        Err(_) => "no message".to_owned(),
    })
}

#[test]
fn a_sound_loss_passes() {
    for info in [&KNOWN_ONLY, &AS_NEGATIVE, &ONE_POSITIVE] {
        assert_eq!(complaint(info, Fault::None), None);
    }
}

#[test]
fn every_fault_is_found_by_the_rule_for_it() {
    for (info, fault, says) in [
        (&KNOWN_ONLY, Fault::Value, "value: entry 0"),
        (&KNOWN_ONLY, Fault::Slope, "logit matrix 0: gradient of row 0, class 0 (z = "),
        (&KNOWN_ONLY, Fault::Adds, "NaN: an element was never written"),
        (&KNOWN_ONLY, Fault::ValueWithoutGradient, "whether the gradient is asked for"),
        (&KNOWN_ONLY, Fault::UnknownHasSlope, "an unknown cell has gradient"),
        (&KNOWN_ONLY, Fault::UnknownHasValue, "value"),
        (&AS_NEGATIVE, Fault::UnknownIsHalfANegative, "observed negatives for unknown cells"),
        (&ONE_POSITIVE, Fault::UnknownIsHalfANegative, "observed negatives for unknown cells"),
        (&AS_NEGATIVE, Fault::ByRow, "rows permuted"),
        (&AS_NEGATIVE, Fault::ByClass, "classes permuted"),
        (&AS_NEGATIVE, Fault::Overflows, "at extreme logits"),
        (&AS_NEGATIVE, Fault::OverflowsTogether, "gradient NaN where z = 80"),
        (&AS_NEGATIVE, Fault::AcceptsNan, "in logit matrix 0 gives Ok"),
        (&KNOWN_ONLY, Fault::AcceptsNanUnderUnknown, "in logit matrix 0 gives Ok"),
        (&AS_NEGATIVE, Fault::NamesAnotherCell, "names the wrong logit"),
        (&AS_NEGATIVE, Fault::CountsRefusals, "a refused batch changes the state"),
        (&AS_NEGATIVE, Fault::AcceptsShapes, "a logit matrix too many gives Ok"),
        (&AS_NEGATIVE, Fault::IgnoresSoft, "the soft target -0.1 gives Ok"),
        (&AS_NEGATIVE, Fault::ForgetsState, "the state changes when it is restored"),
        (&AS_NEGATIVE, Fault::AcceptsState, "accepts a foreign state"),
        (&ONE_POSITIVE, Fault::NamesNoRow, "gives Ok"),
        (&AS_NEGATIVE, Fault::RefusesMost, "refuses too much to be tested"),
    ] {
        let message = complaint(info, fault).unwrap_or_else(|| panic!("{fault:?} is not found"));
        assert!(message.contains(says), "{fault:?} is found as: {message}");
        // The message has the parameters beside the name.
        assert!(message.contains("test (Test { info: "), "{message}");
    }
}
