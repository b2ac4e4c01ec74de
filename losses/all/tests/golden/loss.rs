//! What every loss case asks: value and gradient, of the formula in f64 and of the kernel in f32.

use crate::case::{Case, SINGLE, Tolerance, compare, first_wrong};
use lacuna_losses::explain::Cells;
use lacuna_losses::{
    Dual, Gradients, Label, LossGrad, LossInput, MultiLabelLoss, Options, Real, Reduction, differentiate,
    find,
};

/// How a method of the files is a loss of the table.
pub(crate) struct Method {
    /// Name in [`lacuna_losses::LOSSES`].
    pub(crate) loss: &'static str,
    /// What an integer in `labels` means; `None` for one that has no meaning.
    pub(crate) coding: fn(i64) -> Option<Label>,
    /// Parameter names of the files, and those of the table; an empty one has no effect in the method.
    pub(crate) params: &'static [(&'static str, &'static str)],
    /// Further logit matrices and the output with their gradient.
    pub(crate) further: &'static [(&'static str, &'static str)],
}

/// A loss built from a case and the batch it is asked about.
pub(crate) struct Batch {
    pub(crate) loss: Box<dyn MultiLabelLoss>,
    pub(crate) rows: usize,
    pub(crate) classes: usize,
    /// Logit matrices in f64, and the outputs with their gradients.
    pub(crate) z: Vec<Vec<f64>>,
    gradients: Vec<&'static str>,
    pub(crate) labels: Vec<Label>,
    pub(crate) epoch: usize,
}

/// 1 positive, 0 unobserved.
pub(crate) fn zero_is_unknown(label: i64) -> Option<Label> {
    [Label::Unknown, Label::Positive].get(usize::try_from(label).ok()?).copied()
}

/// 1 positive, 0 negative.
pub(crate) fn zero_is_negative(label: i64) -> Option<Label> {
    [Label::Negative, Label::Positive].get(usize::try_from(label).ok()?).copied()
}

/// 1 positive, 0 negative, -1 unknown.
pub(crate) fn minus_one_is_unknown(label: i64) -> Option<Label> {
    if label == -1 { Some(Label::Unknown) } else { zero_is_negative(label) }
}

/// 1 positive, -1 negative, 0 unknown.
pub(crate) fn minus_one_is_negative(label: i64) -> Option<Label> {
    if label == -1 { Some(Label::Negative) } else { zero_is_unknown(label) }
}

/// Labels of a case under a coding.
pub(crate) fn labels(
    case: &Case,
    name: &str,
    coding: fn(i64) -> Option<Label>,
) -> Result<Vec<Label>, String> {
    let decode = |x: f64| {
        let whole = (x.fract() == 0.0).then_some(x as i64);
        whole.and_then(coding).ok_or_else(|| format!("{name}: {x} is no label of this method"))
    };
    case.numbers("inputs", name)?.into_iter().map(decode).collect()
}

/// Fails where the case has a parameter that is not among these.
pub(crate) fn only(case: &Case, known: &[&str]) -> Result<(), String> {
    match case.params().find(|name| !known.contains(name)) {
        Some(name) => Err(format!("cannot honour the parameter `{name}`")),
        None => Ok(()),
    }
}

/// The reduction that the case asks for.
pub(crate) fn reduction(case: &Case) -> Result<Reduction, String> {
    case.text("params", "reduction")?.parse().map_err(|e: lacuna_losses::LossError| e.to_string())
}

/// Value and derivatives of any formula at the numbers `z`.
pub(crate) fn derivatives(z: &[f64], formula: impl Fn(&[Dual]) -> Dual) -> (f64, Vec<f64>) {
    let mut duals: Vec<Dual> = z.iter().map(|&z| Dual::of(z)).collect();
    let value = formula(&duals).value();
    let gradient = (0..z.len()).map(|i| {
        duals[i] = Dual::variable(z[i]);
        let derivative = formula(&duals).derivative();
        duals[i] = Dual::of(z[i]);
        derivative
    });
    (value, gradient.collect())
}

/// Runs a method: builds the loss, then checks it.
pub(crate) fn run(case: &Case, method: &Method) -> Result<Batch, String> {
    let mut batch = Batch::new(case, method)?;
    batch.check(case)?;
    Ok(batch)
}

/// The batch of a case whose rows have one class each, `class_index`, with further logit matrices.
pub(crate) fn one_positive(
    case: &Case,
    loss: Box<dyn MultiLabelLoss>,
    further: &[(&str, &'static str)],
) -> Result<Batch, String> {
    let logits = case.matrix("inputs", "logits")?;
    let index = case.numbers("inputs", "class_index")?;
    if index.len() != logits.rows || index.iter().any(|&c| c < 0.0 || c as usize >= logits.columns) {
        return Err("a class for each row".to_owned());
    }
    let mut labels = vec![Label::Unknown; logits.data.len()];
    for (row, class) in index.iter().enumerate() {
        labels[row * logits.columns + *class as usize] = Label::Positive;
    }
    let (rows, classes, mut z) = (logits.rows, logits.columns, vec![logits.data]);
    let mut gradients = vec!["grad_logits"];
    for (matrix, gradient) in further {
        z.push(case.matrix("inputs", matrix)?.data);
        gradients.push(gradient);
    }
    Ok(Batch { loss, rows, classes, z, gradients, labels, epoch: 0 })
}

impl Batch {
    pub(crate) fn new(case: &Case, method: &Method) -> Result<Self, String> {
        Self::named(case, method, ("logits", "grad_logits"))
    }

    /// The same where the first matrix has a name of its own.
    pub(crate) fn named(case: &Case, method: &Method, first: (&str, &'static str)) -> Result<Self, String> {
        let mut options = Options::default();
        for name in case.params() {
            if name == "reduction" {
                let reduction: Reduction =
                    case.text("params", name)?.parse().map_err(|e| format!("{name}: {e}"))?;
                options.reduction = Some(reduction);
                continue;
            }
            match method.params.iter().find(|(theirs, _)| *theirs == name) {
                Some((_, "")) => {}
                Some((_, ours)) => options = options.set(ours, case.number("params", name)?),
                None => return Err(format!("{} cannot honour the parameter `{name}`", method.loss)),
            }
        }
        let loss = find(method.loss).and_then(|row| row.build(&options)).map_err(|e| e.to_string())?;
        Self::of_named(case, loss, method.coding, first, method.further)
    }

    /// The batch of a case for a loss that was built from it; the caller has seen to the parameters.
    pub(crate) fn of(
        case: &Case,
        loss: Box<dyn MultiLabelLoss>,
        coding: fn(i64) -> Option<Label>,
        further: &[(&str, &'static str)],
    ) -> Result<Self, String> {
        Self::of_named(case, loss, coding, ("logits", "grad_logits"), further)
    }

    /// The same where the first matrix has a name of its own.
    pub(crate) fn of_named(
        case: &Case,
        loss: Box<dyn MultiLabelLoss>,
        coding: fn(i64) -> Option<Label>,
        (first, first_gradient): (&str, &'static str),
        further: &[(&str, &'static str)],
    ) -> Result<Self, String> {
        let logits = case.matrix("inputs", first)?;
        let mut z = vec![logits.data];
        let mut gradients = vec![first_gradient];
        for (matrix, gradient) in further {
            z.push(case.matrix("inputs", matrix)?.data);
            gradients.push(gradient);
        }
        let labels = labels(case, "labels", coding)?;
        let epoch = if case.has("inputs", "epoch") { case.number("inputs", "epoch")? as usize } else { 0 };
        Ok(Self { loss, rows: logits.rows, classes: logits.columns, z, gradients, labels, epoch })
    }

    /// Value and gradients of formula and kernel against the file.
    pub(crate) fn check(&mut self, case: &Case) -> Result<(), String> {
        self.check_formula(case)?;
        self.check_kernel(case, None)
    }

    /// The formula in f64, differentiated by dual numbers, at the tolerance of the file.
    pub(crate) fn check_formula(&self, case: &Case) -> Result<(), String> {
        let exact = self.exact(&self.z);
        case.check("loss", &[exact.value]).map_err(|e| format!("formula, {e}"))?;
        for (matrix, (output, found)) in self.gradients.iter().zip(&exact.logits).enumerate() {
            let said = |e| self.explained(case, matrix, output, found, None, case.tolerance(), e);
            case.check(output, found).map_err(|e| format!("formula, {}", said(e)))?;
        }
        Ok(())
    }

    /// What is said about a gradient that is not `expected`, or that of the file.
    #[expect(clippy::too_many_arguments, reason = "what a sentence is made of")]
    fn explained(
        &self,
        case: &Case,
        matrix: usize,
        output: &str,
        found: &[f64],
        expected: Option<&[f64]>,
        tolerance: Tolerance,
        error: String,
    ) -> String {
        let Some(expected) = expected.map(<[f64]>::to_vec).or_else(|| case.numbers("outputs", output).ok())
        else {
            return error;
        };
        let same_length = found.len() == expected.len() && found.len() == self.z[matrix].len();
        let wrong = if same_length { first_wrong(found, &expected, tolerance) } else { None };
        let cells =
            Cells { logits: &self.z[matrix], labels: &self.labels, classes: self.classes, names: None };
        wrong.map_or(error, |cell| {
            format!("{output}, {}: {}", case.described(), cells.wrong(cell, found, &expected))
        })
    }

    /// The kernel in f32 against the file, or against `expected` where the file's logits cannot be had in f32.
    /// Of logits of 80 and more only finite results are asked.
    pub(crate) fn check_kernel(&mut self, case: &Case, expected: Option<&Gradients>) -> Result<(), String> {
        let z: Vec<Vec<f32>> = self.z.iter().map(|z| z.iter().map(|&z| z as f32).collect()).collect();
        let logits: Vec<&[f32]> = z.iter().map(Vec::as_slice).collect();
        let mut gradients: Vec<Vec<f32>> = z.iter().map(|z| vec![f32::NAN; z.len()]).collect();
        let mut buffers: Vec<&mut [f32]> = gradients.iter_mut().map(Vec::as_mut_slice).collect();
        let mut input = LossInput::new(&logits, self.rows, self.classes, &self.labels);
        input.epoch = self.epoch;
        let value = self.loss.evaluate(&input, LossGrad::Into(&mut buffers)).map_err(|e| e.to_string())?;
        let mut found = vec![("loss", vec![f64::from(value)])];
        for (output, gradient) in self.gradients.iter().zip(&gradients) {
            found.push((output, gradient.iter().map(|&dz| f64::from(dz)).collect()));
        }
        for (i, (output, found)) in found.iter().enumerate() {
            let checked = if case.name.contains("extreme80") {
                let bad = found.iter().find(|x| !x.is_finite());
                bad.map_or(Ok(()), |x| Err(format!("{output}: {x} at extreme logits")))
            } else if let Some(expected) = expected {
                let exact =
                    if i == 0 { std::slice::from_ref(&expected.value) } else { &expected.logits[i - 1] };
                compare(output, found, exact, SINGLE)
            } else {
                case.check_within(output, found, SINGLE)
            };
            let exact = expected.filter(|_| i > 0).map(|expected| expected.logits[i - 1].as_slice());
            checked.map_err(|e| match i {
                0 => format!("kernel, {e}"),
                i => format!("kernel, {}", self.explained(case, i - 1, output, found, exact, SINGLE, e)),
            })?;
        }
        Ok(())
    }

    /// The formula at other logits.
    pub(crate) fn exact(&self, z: &[Vec<f64>]) -> Gradients {
        let z: Vec<&[f64]> = z.iter().map(Vec::as_slice).collect();
        // The formula takes its logits apart from the input, which only lends shape, labels and epoch.
        let none: Vec<&[f32]> = z.iter().map(|_| &[][..]).collect();
        let mut input = LossInput::new(&none, self.rows, self.classes, &self.labels);
        input.epoch = self.epoch;
        differentiate(&*self.loss, &z, &input)
    }
}
