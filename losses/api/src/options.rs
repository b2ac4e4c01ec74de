//! What somebody may say about a loss by name.

use crate::{LossError, LossInfo, Reduction, Suggestion, suggest};
use std::collections::BTreeMap;

/// Parameters by name, and what the data says about those that were not given.
///
/// A parameter that is not set has the default of its [`ParamInfo`](crate::ParamInfo).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Parameters that were given.
    pub params: BTreeMap<String, f64>,
    /// How entries become one number; `None` is the default of the method.
    pub reduction: Option<Reduction>,
    /// What is known of the data.
    pub context: Context,
}

/// What a loss may take from the data where nothing else was said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Context {
    /// Number of classes.
    pub classes: Option<usize>,
    /// Expected number of positives of a row, default of the parameter `expected_positives`: counted in true labels, or
    /// estimated (`expected_positives` of the crate of positive-unlabelled risks).
    pub expected_positives: Option<f64>,
}

impl Options {
    /// The same options with one parameter more.
    #[must_use]
    pub fn set(mut self, name: &str, value: f64) -> Self {
        self.params.insert(name.to_owned(), value);
        self
    }

    /// The same options with this reduction.
    #[must_use]
    pub fn reduce(mut self, reduction: Reduction) -> Self {
        self.reduction = Some(reduction);
        self
    }

    /// The same options with this context.
    #[must_use]
    pub fn within(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Checks that every parameter given is one of the loss and in its range.
    pub(crate) fn check(&self, info: &'static LossInfo) -> Result<(), LossError> {
        for (name, &value) in &self.params {
            if info.param(name).is_none() {
                let names = || info.params.iter().map(|p| p.name);
                let suggestion = match suggest(name, names()) {
                    Suggestion::None if names().len() > 0 => {
                        Suggestion::OneOf(names().map(String::from).collect())
                    }
                    suggestion => suggestion,
                };
                return Err(LossError::UnknownParameter { loss: info.name, name: name.clone(), suggestion });
            }
            info.check(name, value)?;
        }
        Ok(())
    }

    /// The value of a parameter: given, else from the data, else the default.
    pub(crate) fn value(&self, info: &'static LossInfo, name: &'static str) -> Result<f64, LossError> {
        let param = info.param(name).unwrap_or_else(|| panic!("{} has no parameter {name}", info.name));
        let from_data = match name {
            "expected_positives" => self.context.expected_positives,
            _ => None,
        };
        let given = self.params.get(name).copied();
        given.or(from_data).or(param.default).ok_or(LossError::MissingParameter {
            loss: info.name,
            parameter: param.name,
            doc: param.doc,
        })
    }
}
