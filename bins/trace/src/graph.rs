//! A small recorded graph whose loss can be evaluated again in any arithmetic, a fused loss included.

use crate::cell::{Setting, number};
use anyhow::bail;
use lacuna_engine::{Dual, NodeView, Real, Tape, Tensor, Var};
use lacuna_losses::{Label, LossGrad, LossInput, MultiLabelLoss, Options, Reduction, find};

/// A fused loss at the end of a graph.
pub(crate) struct Fused {
    pub(crate) row: &'static str,
    pub(crate) reduction: Reduction,
    /// Its parameters, as they are built.
    pub(crate) params: Vec<(&'static str, f64)>,
    pub(crate) labels: Vec<Label>,
    loss: Box<dyn MultiLabelLoss>,
    logits: Var,
    rows: usize,
}

impl Fused {
    fn input<'a>(&'a self, logits: &'a [&'a [f32]]) -> LossInput<'a> {
        LossInput::new(logits, self.rows, self.labels.len() / self.rows, &self.labels)
    }
}

/// A graph with names for its leaves.
pub(crate) struct Graph {
    pub(crate) tape: Tape,
    pub(crate) loss: Var,
    /// Names of leaves by position.
    names: Vec<(usize, String)>,
    pub(crate) fused: Option<Fused>,
}

/// Puts named leaves on a tape, with the values that the user has set.
pub(crate) struct Leaves<'a> {
    pub(crate) tape: Tape,
    names: Vec<(usize, String)>,
    settings: &'a [Setting],
    used: Vec<bool>,
    fused: Option<Fused>,
    error: Option<anyhow::Error>,
}

impl<'a> Leaves<'a> {
    pub(crate) fn new(settings: &'a [Setting]) -> Self {
        let used = vec![false; settings.len()];
        Self { tape: Tape::new(), names: Vec::new(), settings, used, fused: None, error: None }
    }

    /// The numbers of a leaf, those that were set in their places.
    fn numbers(&mut self, name: &str, sizes: &[usize], default: &[f32]) -> Vec<f32> {
        let mut numbers = default.to_vec();
        for (setting, used) in self.settings.iter().zip(&mut self.used) {
            if setting.leaf != name {
                continue;
            }
            *used = true;
            match setting.element(sizes) {
                Ok(element) => numbers[element] = setting.value,
                Err(error) => self.error = Some(error),
            }
        }
        numbers
    }

    pub(crate) fn param(&mut self, name: &str, sizes: &[usize], default: &[f32]) -> Var {
        let numbers = self.numbers(name, sizes, default);
        self.tape.param(name, Tensor::new(lacuna_engine::Shape::new(sizes), numbers))
    }

    pub(crate) fn input(&mut self, name: &str, sizes: &[usize], default: &[f32]) -> Var {
        let numbers = self.numbers(name, sizes, default);
        self.names.push((self.tape.node_count(), name.to_string()));
        self.tape.input(lacuna_engine::Shape::new(sizes), &numbers)
    }

    pub(crate) fn variable(&mut self, name: &str, sizes: &[usize], default: &[f32]) -> Var {
        let numbers = self.numbers(name, sizes, default);
        self.names.push((self.tape.node_count(), name.to_string()));
        self.tape.variable(lacuna_engine::Shape::new(sizes), &numbers)
    }

    /// A loss of the table, recorded as one node.
    pub(crate) fn fused(
        &mut self,
        row: &'static str,
        reduction: Reduction,
        logits: Var,
        labels: &[Label],
    ) -> Var {
        let row_of_table = find(row).expect("an example names a loss of the table");
        let options = Options::default().reduce(reduction);
        let mut loss = row_of_table.build(&options).expect("an example has legal options");
        let info = row_of_table.info;
        let params = info.params.iter().map(|p| (p.name, p.default.expect("a published default"))).collect();
        let (labels, rows) = (labels.to_vec(), self.tape.shape(logits).sizes()[0]);
        let classes = labels.len() / rows;
        let var = self.tape.fused_loss(&[logits], |z, dz| {
            loss.evaluate(&LossInput::new(z, rows, classes, &labels), LossGrad::Into(dz))
        });
        let var = var.expect("an example has finite logits");
        self.fused = Some(Fused { row, reduction, params, labels, loss, logits, rows });
        var
    }

    /// The graph that ends in `loss`, differentiated.
    pub(crate) fn graph(mut self, loss: Var) -> anyhow::Result<Graph> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if let Some((setting, _)) = self.settings.iter().zip(&self.used).find(|(_, used)| !**used) {
            let params: Vec<String> =
                self.tape.nodes().filter_map(|node| node.name.map(String::from)).collect();
            let names = params.into_iter().chain(self.names.iter().map(|(_, name)| name.clone()));
            bail!("no leaf is named {}; there are {}", setting.leaf, names.collect::<Vec<_>>().join(", "));
        }
        self.tape.backward(loss);
        Ok(Graph { tape: self.tape, loss, names: self.names, fused: self.fused })
    }
}

/// Step of the difference, as in the engine's gradient check.
const STEP: f64 = 3e-4;

/// The gradient of one cell, three times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Slopes {
    pub(crate) numeric: f64,
    pub(crate) dual: f64,
    pub(crate) tape: f64,
}

impl Graph {
    /// What a node is called: the name of a leaf, else nothing.
    pub(crate) fn name<'a>(&'a self, node: &NodeView<'a>) -> Option<&'a str> {
        let named =
            || self.names.iter().find(|(index, _)| *index == node.index).map(|(_, name)| name.as_str());
        node.name.or_else(named)
    }

    /// The value of the loss where `adjust` has changed nodes, in dual numbers.
    fn evaluate(&self, adjust: impl FnMut(Var, &mut [Dual])) -> Dual {
        let values = self.tape.replay_with(|_, _, x| Dual::of(number(x as f32)), adjust);
        match &self.fused {
            None => values.value(&self.tape, self.loss)[0],
            Some(fused) => {
                let none: [&[f32]; 1] = [&[]];
                fused.loss.reference(&[values.value(&self.tape, fused.logits)], &fused.input(&none))
            }
        }
    }

    /// The gradient of an element of a node: by a difference of four points in f64, by dual numbers, by the tape.
    pub(crate) fn slopes(&self, node: &NodeView<'_>, element: usize) -> Slopes {
        let is_loss = node.var == self.loss;
        let moved = |by: Dual| {
            if is_loss {
                return self.evaluate(|_, _| {}) + by;
            }
            self.evaluate(|var, value| {
                if var == node.var {
                    value[element] += by;
                }
            })
        };
        let at = |h: f64| moved(Dual::of(h)).value();
        let numeric = (8.0 * (at(STEP) - at(-STEP)) - (at(2.0 * STEP) - at(-2.0 * STEP))) / (12.0 * STEP);
        let tape = node.grad.as_ref().map_or(0.0, |grad| f64::from(grad[element]));
        Slopes { numeric, dual: moved(Dual::new(0.0, 1.0)).derivative(), tape }
    }

    /// The loss, by the formulas in f64.
    pub(crate) fn value(&self) -> f64 {
        self.evaluate(|_, _| {}).value()
    }
}
