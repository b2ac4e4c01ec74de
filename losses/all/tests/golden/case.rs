//! One file: named numbers, and the comparison with what was computed.

use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

/// A golden case. Every question that fails answers with a sentence.
pub(crate) struct Case {
    pub(crate) method: String,
    pub(crate) name: String,
    json: Value,
    relative: f64,
    absolute: f64,
    compared: RefCell<BTreeSet<String>>,
}

/// A row-major matrix.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matrix {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) data: Vec<f64>,
}

/// Bounds of |found - expected|: relative to the entry, and to the larger of 1 and the largest entry.
#[derive(Clone, Copy)]
pub(crate) struct Tolerance {
    pub(crate) relative: f64,
    pub(crate) absolute: f64,
}

/// What f32 code is held to.
pub(crate) const SINGLE: Tolerance = Tolerance { relative: 2e-4, absolute: 1e-5 };

impl Case {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
        Self::parse(&text)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let json: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let string = |key: &str| {
            let value = json[key].as_str().map(str::to_owned);
            value.ok_or_else(|| format!("no `{key}`"))
        };
        let (method, name) = (string("method")?, string("case")?);
        let bound = |key: &str, default: f64| match &json["tolerance"][key] {
            Value::Null => Ok(default),
            value => number(value),
        };
        let (relative, absolute) = (bound("rtol", 1e-10)?, bound("atol", 1e-12)?);
        Ok(Self { method, name, relative, absolute, json, compared: RefCell::default() })
    }

    /// Names of the parameters.
    pub(crate) fn params(&self) -> impl Iterator<Item = &str> {
        self.json["params"].as_object().into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// The parameters as they stand in the file.
    pub(crate) fn described(&self) -> String {
        format!("{} with {}", self.method, self.json["params"])
    }

    /// The tolerance of the file.
    pub(crate) fn tolerance(&self) -> Tolerance {
        Tolerance { relative: self.relative, absolute: self.absolute }
    }

    /// Names of the outputs.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = &str> {
        self.json["outputs"].as_object().into_iter().flatten().map(|(name, _)| name.as_str())
    }

    fn get(&self, section: &str, name: &str) -> Result<&Value, String> {
        match &self.json[section][name] {
            Value::Null => Err(format!("{section} has no `{name}`")),
            value => Ok(value),
        }
    }

    pub(crate) fn has(&self, section: &str, name: &str) -> bool {
        !self.json[section][name].is_null()
    }

    pub(crate) fn number(&self, section: &str, name: &str) -> Result<f64, String> {
        number(self.get(section, name)?).map_err(|e| format!("{name}: {e}"))
    }

    pub(crate) fn text(&self, section: &str, name: &str) -> Result<&str, String> {
        self.get(section, name)?.as_str().ok_or_else(|| format!("{name} is no text"))
    }

    /// A parameter inside a parameter, if it is there.
    pub(crate) fn field(&self, param: &str, name: &str) -> Result<Option<f64>, String> {
        match &self.json["params"][param][name] {
            Value::Null => Ok(None),
            value => number(value).map(Some).map_err(|e| format!("{param}.{name}: {e}")),
        }
    }

    /// The same of a text.
    pub(crate) fn field_text(&self, param: &str, name: &str) -> Option<&str> {
        self.json["params"][param][name].as_str()
    }

    /// Fails where a parameter has an inner one that is not among these.
    pub(crate) fn only_fields(&self, param: &str, known: &[&str]) -> Result<(), String> {
        let fields = self.json["params"][param].as_object().into_iter().flatten();
        match fields.map(|(name, _)| name).find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(format!("cannot honour the parameter `{param}.{name}`")),
            None => Ok(()),
        }
    }

    /// All numbers of a value, whatever its nesting, in order.
    pub(crate) fn numbers(&self, section: &str, name: &str) -> Result<Vec<f64>, String> {
        flat(self.get(section, name)?).map_err(|e| format!("{name}: {e}"))
    }

    /// How many steps the output `steps` of a method with a memory has.
    pub(crate) fn steps(&self) -> Result<usize, String> {
        self.get("outputs", "steps")?.as_array().map(Vec::len).ok_or_else(|| "steps is no list".to_owned())
    }

    /// All numbers of a field of a step.
    pub(crate) fn step(&self, step: usize, name: &str) -> Result<Vec<f64>, String> {
        match &self.get("outputs", "steps")?[step][name] {
            Value::Null => Err(format!("step {step} has no `{name}`")),
            value => flat(value).map_err(|e| format!("{name}: {e}")),
        }
    }

    /// Holds numbers against a field of a step, at the tolerance of the file.
    pub(crate) fn check_step(&self, step: usize, name: &str, found: &[f64]) -> Result<(), String> {
        self.check_step_within(step, name, found, self.tolerance())
    }

    pub(crate) fn check_step_within(
        &self,
        step: usize,
        name: &str,
        found: &[f64],
        tolerance: Tolerance,
    ) -> Result<(), String> {
        self.compared.borrow_mut().insert("steps".to_owned());
        compare(&format!("step {step}, {name}"), found, &self.step(step, name)?, tolerance)
    }

    pub(crate) fn matrix(&self, section: &str, name: &str) -> Result<Matrix, String> {
        let rows = self.get(section, name)?.as_array().ok_or_else(|| format!("{name} is no matrix"))?;
        let columns = rows.first().and_then(Value::as_array).map_or(0, Vec::len);
        if rows.iter().any(|row| row.as_array().map(Vec::len) != Some(columns)) {
            return Err(format!("the rows of {name} differ in length"));
        }
        Ok(Matrix { rows: rows.len(), columns, data: self.numbers(section, name)? })
    }

    /// Holds numbers against an output, at the tolerance of the file.
    pub(crate) fn check(&self, output: &str, found: &[f64]) -> Result<(), String> {
        self.check_within(output, found, self.tolerance())
    }

    pub(crate) fn check_within(
        &self,
        output: &str,
        found: &[f64],
        tolerance: Tolerance,
    ) -> Result<(), String> {
        self.compared.borrow_mut().insert(output.to_owned());
        compare(output, found, &self.numbers("outputs", output)?, tolerance)
    }

    /// Outputs that nobody looked at.
    pub(crate) fn passed_over(&self) -> Vec<String> {
        let compared = self.compared.borrow();
        self.outputs().filter(|name| !compared.contains(*name)).map(str::to_owned).collect()
    }
}

/// Says where two arrays differ first.
pub(crate) fn compare(
    what: &str,
    found: &[f64],
    expected: &[f64],
    tolerance: Tolerance,
) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{what}: {} numbers where {} were expected", found.len(), expected.len()));
    }
    match first_wrong(found, expected, tolerance) {
        Some(i) => Err(format!("{what}: entry {i} is {:e} where {:e} was expected", found[i], expected[i])),
        None => Ok(()),
    }
}

/// Where two arrays of one length differ first.
pub(crate) fn first_wrong(found: &[f64], expected: &[f64], tolerance: Tolerance) -> Option<usize> {
    let finite = expected.iter().filter(|e| e.is_finite());
    let scale = finite.fold(1.0, |m: f64, e| m.max(e.abs()));
    found.iter().zip(expected).position(|(f, e)| {
        let same = f == e || (f.is_nan() && e.is_nan());
        let bound = tolerance.absolute * scale + tolerance.relative * e.abs();
        // An infinite number has no neighbours: without the test its bound would be infinite too.
        let near = e.is_finite() && (f - e).abs() <= bound;
        !(same || near)
    })
}

/// All numbers of a value, whatever its nesting, in order.
fn flat(value: &Value) -> Result<Vec<f64>, String> {
    fn collect(value: &Value, into: &mut Vec<f64>) -> Result<(), String> {
        match value {
            Value::Array(values) => values.iter().try_for_each(|v| collect(v, into)),
            value => number(value).map(|x| into.push(x)),
        }
    }
    let mut numbers = Vec::new();
    collect(value, &mut numbers)?;
    Ok(numbers)
}

fn number(value: &Value) -> Result<f64, String> {
    match value {
        Value::Number(number) => number.as_f64().ok_or_else(|| format!("{number} is out of range")),
        Value::Bool(flag) => Ok(f64::from(u8::from(*flag))),
        Value::String(text) => match text.as_str() {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(format!("`{text}` is no number")),
        },
        other => Err(format!("{other} is no number")),
    }
}
