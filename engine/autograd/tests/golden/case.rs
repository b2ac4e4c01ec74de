//! Reading a case, and comparing arrays with it.

use serde_json::Value;
use std::path::Path;

/// Relative tolerance.
const RTOL: f64 = 2e-4;
/// Absolute tolerance, per unit of the largest value of the array where that exceeds 1.
const ATOL: f64 = 2e-5;

pub(crate) struct Case {
    json: Value,
}

/// An array of a case.
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<f64>,
}

impl Array {
    pub(crate) fn of(value: &Value) -> Result<Array, String> {
        let data = flat(value.get("data").unwrap_or(value))?;
        let shape = match value.get("shape") {
            Some(shape) => sizes(shape)?,
            None if value.is_number() => vec![],
            None => vec![data.len()],
        };
        if shape.iter().product::<usize>() != data.len() {
            return Err(format!("{} numbers for shape {shape:?}", data.len()));
        }
        Ok(Array { shape, data })
    }

    pub(crate) fn f32(&self) -> Vec<f32> {
        self.data.iter().map(|x| *x as f32).collect()
    }
}

fn flat(value: &Value) -> Result<Vec<f64>, String> {
    match value {
        Value::Array(items) => {
            let parts: Result<Vec<_>, _> = items.iter().map(flat).collect();
            Ok(parts?.concat())
        }
        Value::Bool(b) => Ok(vec![f64::from(u8::from(*b))]),
        Value::String(s) => s.parse().map(|x| vec![x]).map_err(|e| format!("{s}: {e}")),
        other => other.as_f64().map(|x| vec![x]).ok_or_else(|| format!("{other} is no number")),
    }
}

fn sizes(value: &Value) -> Result<Vec<usize>, String> {
    let all: Option<Vec<usize>> = match value {
        Value::Array(items) => items.iter().map(|x| x.as_u64().map(|x| x as usize)).collect(),
        other => other.as_u64().map(|x| vec![x as usize]),
    };
    all.ok_or_else(|| format!("{value}: sizes were expected"))
}

impl Case {
    pub(crate) fn read(path: &Path) -> Result<Case, String> {
        let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
        let json: Value = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
        if json["op"].is_string() { Ok(Case { json }) } else { Err("no `op`".to_string()) }
    }

    pub(crate) fn op(&self) -> &str {
        self.json["op"].as_str().unwrap_or_default()
    }

    /// A parameter under the first of the names it has; null counts as absent.
    pub(crate) fn param(&self, names: &[&str]) -> Option<&Value> {
        names.iter().map(|n| &self.json["params"][*n]).find(|v| !v.is_null())
    }

    pub(crate) fn number(&self, names: &[&str]) -> Option<f64> {
        self.param(names).and_then(Value::as_f64)
    }

    pub(crate) fn required(&self, names: &[&str]) -> Result<f64, String> {
        self.number(names).ok_or_else(|| format!("parameter `{}` is missing", names[0]))
    }

    pub(crate) fn flag(&self, names: &[&str]) -> Option<bool> {
        self.param(names).and_then(Value::as_bool)
    }

    pub(crate) fn list(&self, names: &[&str]) -> Option<Vec<usize>> {
        self.param(names).and_then(|v| sizes(v).ok())
    }

    /// Two sizes, given as a pair or as one number for both.
    pub(crate) fn pair(&self, names: &[&str]) -> Result<Option<[usize; 2]>, String> {
        match self.param(names).map(sizes).transpose()?.as_deref() {
            None => Ok(None),
            Some([both]) => Ok(Some([*both; 2])),
            Some([a, b]) => Ok(Some([*a, *b])),
            Some(other) => Err(format!("{}: {other:?} is no pair", names[0])),
        }
    }

    /// Named arrays under a key, in order of their names.
    pub(crate) fn arrays(&self, key: &str) -> Result<Vec<(String, Array)>, String> {
        let Some(map) = self.json[key].as_object() else { return Ok(vec![]) };
        map.iter().map(|(name, v)| Ok((name.clone(), Array::of(v)?))).collect()
    }

    pub(crate) fn array(&self, key: &str) -> Result<Array, String> {
        Array::of(&self.json[key]).map_err(|e| format!("{key}: {e}"))
    }
}

/// Whether all of `fast` is within the tolerances of `exact`.
pub(crate) fn close(what: &str, fast: &[f32], exact: &[f64]) -> Result<(), String> {
    if fast.len() != exact.len() {
        return Err(format!("{what}: {} elements, not {}", fast.len(), exact.len()));
    }
    let largest = exact.iter().filter(|e| e.is_finite()).fold(1.0f64, |m, e| m.max(e.abs()));
    for (i, (a, e)) in fast.iter().zip(exact).enumerate() {
        let a = f64::from(*a);
        let same = a == *e || (a.is_nan() && e.is_nan());
        if !same && (!a.is_finite() || !e.is_finite() || (a - e).abs() > ATOL * largest + RTOL * e.abs()) {
            return Err(format!("{what}, element {i}: {a} against {e}"));
        }
    }
    Ok(())
}
