//! Graphs on which an operation is checked.

use super::hash;
use crate::{Dual, Exec, Real, Shape, Tape, Tensor, Var};

/// Where samples are drawn from, so that no kink lies within a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Domain {
    /// [-3, 3]
    Any,
    /// [0.2, 3]
    Positive,
    /// [-3, 3] without (-0.05, 0.05)
    AwayFromZero,
    /// [-3, 3] without 0.05 on either side of each multiple of 1/2
    AwayFromHalves,
    /// [-3, 3], the N numbers of a case a permutation of N places 6 / N apart: no two may change places
    /// within a difference.
    Distinct,
}

impl Domain {
    fn sample(self, h: u64) -> f32 {
        let u = (h >> 40) as f32 / (1u64 << 24) as f32;
        match self {
            Domain::Any => 6.0 * u - 3.0,
            Domain::Positive => 0.2 + 2.8 * u,
            Domain::AwayFromZero if u < 0.5 => -0.05 - 5.9 * u,
            Domain::AwayFromZero => 0.05 + 5.9 * (u - 0.5),
            Domain::AwayFromHalves => {
                let (half, rest) = ((u * 12.0).floor(), (u * 12.0).fract());
                half * 0.5 - 3.0 + 0.05 + 0.4 * rest
            }
            Domain::Distinct => unreachable!("these are drawn together"),
        }
    }
}

/// An operation applied to variables of given shapes.
pub(crate) struct Case {
    pub(super) shapes: Vec<Shape>,
    domain: Domain,
    build: Build,
    /// The fused loss that `build` records, to be evaluated again.
    pub(super) fused: Option<Fused>,
}

/// Value and gradients of a fused loss.
pub(crate) type Fused = fn(&[&[f32]], &mut [&mut [f32]]) -> f32;

/// Another use of every leaf beside the operation: a sum of its elements with fixed weights.
///
/// The sweep goes backwards, so the operation adds to the gradients of a use that was recorded after it, and a use that
/// was recorded before adds to those of the operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum OtherUse {
    /// No other use.
    None,
    /// Before the operation.
    Before,
    /// After the operation.
    After,
}

/// Records the operation on leaves of the case's shapes.
type Build = Box<dyn Fn(&mut Tape, &[Var]) -> Var>;

impl Case {
    pub(crate) fn new(shapes: &[&[usize]], build: impl Fn(&mut Tape, &[Var]) -> Var + 'static) -> Self {
        let shapes = shapes.iter().map(|s| Shape::new(s)).collect();
        Self { shapes, domain: Domain::Any, build: Box::new(build), fused: None }
    }

    pub(crate) fn on(mut self, domain: Domain) -> Self {
        self.domain = domain;
        self
    }

    /// Says which fused loss the case records.
    pub(crate) fn with_fused(mut self, fused: Fused) -> Self {
        self.fused = Some(fused);
        self
    }

    /// One input of every length that matters for eight lanes, and of every rank.
    pub(crate) fn unary(domain: Domain, build: fn(&mut Tape, &[Var]) -> Var) -> Vec<Self> {
        let mut cases: Vec<Case> = (1..=17).map(|n| Case::new(&[&[1, n]], build).on(domain)).collect();
        for shape in [&[] as &[usize], &[23], &[3, 5], &[2, 3, 4], &[2, 2, 3, 5], &[6, 73]] {
            cases.push(Case::new(&[shape], build).on(domain));
        }
        cases
    }

    /// One matrix of several sizes.
    pub(crate) fn matrix(domain: Domain, build: fn(&mut Tape, &[Var]) -> Var) -> Vec<Self> {
        [[1, 1], [1, 9], [7, 1], [3, 5], [4, 17], [2, 8], [19, 3], [23, 19]]
            .iter()
            .map(|s| Case::new(&[s], build).on(domain))
            .collect()
    }

    /// Rows of every length that matters for eight lanes, alone and among others, of every rank.
    pub(crate) fn unary_rows(build: fn(&mut Tape, &[Var]) -> Var) -> Vec<Self> {
        let mut cases = Case::matrix(Domain::Any, build);
        cases.extend((2..=17).map(|n| Case::new(&[&[1, n]], build)));
        let ranks: [&[usize]; 3] = [&[11], &[2, 3, 5], &[2, 1, 3, 4]];
        cases.extend(ranks.map(|s| Case::new(&[s], build)));
        cases
    }

    /// The numbers of leaf `i` out of a permutation of all numbers of the case.
    fn distinct(&self, i: usize, draw: u64) -> Vec<f32> {
        let before: usize = self.shapes[..i].iter().map(|s| s.len()).sum();
        let total: usize = self.shapes.iter().map(|s| s.len()).sum();
        let mut places: Vec<usize> = (0..total).collect();
        places.sort_by_key(|e| hash(*e as u64, draw));
        let number = |place: usize| (place as f32 + 0.25) / total as f32 * 6.0 - 3.0;
        places[before..before + self.shapes[i].len()].iter().map(|p| number(*p)).collect()
    }

    /// Records the case on `tape`: leaves that are parameters and variables in turn, and a weighted sum
    /// of the result, so that every element of the incoming gradient is different.
    pub(super) fn record(&self, exec: Exec, draw: u64, other: OtherUse) -> (Tape, Var) {
        let mut tape = Tape::with_exec(exec);
        let numbers = |i: usize, shape: Shape, domain: Domain| -> Vec<f32> {
            if domain == Domain::Distinct {
                return self.distinct(i, draw);
            }
            (0..shape.len()).map(|e| domain.sample(hash(e as u64, draw * 8 + i as u64))).collect()
        };
        let as_params = draw.is_multiple_of(2);
        let mut leaves = Vec::new();
        if as_params {
            for (i, shape) in self.shapes.iter().enumerate() {
                let value = Tensor::new(*shape, numbers(i, *shape, self.domain));
                leaves.push(tape.param(&format!("x{i}"), value));
            }
        }
        tape.seal();
        if !as_params {
            for (i, shape) in self.shapes.iter().enumerate() {
                leaves.push(tape.variable(*shape, &numbers(i, *shape, self.domain)));
            }
        }
        // Small weights: what is lost without the other use is still far beyond the tolerance, and what the operation
        // itself contributes is not lost in it.
        let use_leaves = |tape: &mut Tape| -> Vec<Var> {
            let used = self.shapes.iter().zip(&leaves).enumerate().map(|(i, (shape, leaf))| {
                let weights: Vec<f32> =
                    numbers(6, *shape, Domain::AwayFromZero).iter().map(|w| w * 0.25).collect();
                let weights = tape.input(*shape, &weights);
                let weighted = tape.mul(*leaf, weights);
                let sum = tape.sum(weighted);
                tape.scale(sum, 1.0 + i as f32)
            });
            used.collect()
        };
        let mut terms = match other {
            OtherUse::Before => use_leaves(&mut tape),
            _ => Vec::new(),
        };
        let y = (self.build)(&mut tape, &leaves);
        let shape = tape.shape(y);
        let weights = tape.input(shape, &numbers(7, shape, Domain::Any));
        let weighted = tape.mul(y, weights);
        let mut loss = tape.sum(weighted);
        if other == OtherUse::After {
            terms = use_leaves(&mut tape);
        }
        for term in terms {
            loss = tape.add(loss, term);
        }
        (tape, loss)
    }

    /// Whether every element of the operation's result depends on the same place of its inputs and on no other; `None` where that cannot be
    /// told, because shapes differ or a size is 1.
    pub(crate) fn acts_by_element(&self, operation: &str) -> Option<bool> {
        let (tape, _) = self.record(Exec::Serial, 1, OtherUse::None);
        let index = (0..tape.node_count()).find(|index| tape.nodes[*index].op.name() == operation)?;
        let (node, y) = (&tape.nodes[index], tape.var_at(index));
        let inputs: Vec<Var> = node.op.inputs().iter().map(|id| tape.var_at(id.index())).collect();
        let alike = inputs.iter().all(|x| tape.shape(*x) == node.shape);
        // Along one element a sum is the element itself.
        let told = node.shape.sizes().iter().all(|size| *size > 1) && (2..50).contains(&node.shape.len());
        if !alike || !told {
            return None;
        }
        let mut depends = false;
        for (input, at) in inputs.iter().flat_map(|x| (0..node.shape.len()).map(move |at| (*x, at))) {
            let seed = |var, value: &mut [Dual]| {
                if var == input {
                    value[at] = Dual::new(value[at].value(), 1.0);
                }
            };
            let replay = tape.replay_with(|_, _, x| Dual::of(x), seed);
            let moved = |e: &usize| replay.value(&tape, y)[*e].derivative() != 0.0;
            if (0..node.shape.len()).filter(|e| *e != at).any(|e| moved(&e)) {
                return Some(false);
            }
            depends |= moved(&at);
        }
        Some(depends)
    }
}
