//! Checks the tape's gradients against two oracles that share no code with them.
//!
//! The recorded graph is replayed with the operations' scalar references: in f64, where differences are good
//! to ten digits, and in dual numbers, where the derivative is exact. Differencing the f32 kernels
//! themselves would lose everything below one percent.
//!
//! The difference is the four-point one, (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h with h = 3e-4: its
//! error, h^4 / 30 times the fifth derivative, and the rounding of f divided by h are both near 1e-11. The
//! two-point difference with 1e-6 loses two digits more to rounding (3e-9 was seen on a sum of 17 products).

use crate::{Dual, Real, Tape, Var};
use std::fmt;

/// Tolerances and effort of a gradient check. The default tolerances are those of PyTorch's `gradcheck`.
///
/// ```
/// use lacuna_engine::{GradCheck, Tape};
/// let mut tape = Tape::new();
/// tape.seal();
/// let x = tape.variable([3], &[0.5, -1.0, 2.0]);
/// let y = tape.softplus(x);
/// let loss = tape.sum(y);
/// let report = GradCheck::default().run(&mut tape, loss)?;
/// assert_eq!(report.elements, 3);
/// # Ok::<(), lacuna_engine::Mismatch>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GradCheck {
    /// Step h of the difference. Kinks must be further away than 2 h.
    pub step: f64,
    /// Relative tolerance between the tape's f32 gradient and the references.
    pub rtol: f64,
    /// Absolute tolerance, multiplied with the largest gradient of the leaf where that exceeds 1.
    pub atol: f64,
    /// Leaves with more elements are checked along random directions instead of element by element.
    pub most_elements: usize,
    /// Number of random directions.
    pub directions: usize,
}

impl Default for GradCheck {
    fn default() -> Self {
        Self { step: 3e-4, rtol: 1e-3, atol: 1e-5, most_elements: 400, directions: 4 }
    }
}

/// What a passed check looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Leaves.
    pub leaves: usize,
    /// Elements compared one by one.
    pub elements: usize,
    /// Random directions compared.
    pub directions: usize,
}

/// A gradient that does not agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// The leaf, by its position on the tape.
    pub leaf: String,
    /// The element, or `None` for a random direction.
    pub element: Option<usize>,
    /// What the tape says.
    pub tape: f64,
    /// What a difference of the f64 references says.
    pub difference: f64,
    /// What the references say in dual numbers.
    pub dual: f64,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.element.map_or("a random direction".to_string(), |e| format!("element {e}"));
        write!(
            f,
            "gradient of {}, {place}: tape {}, difference {}, dual numbers {}",
            self.leaf, self.tape, self.difference, self.dual
        )
    }
}

impl std::error::Error for Mismatch {}

/// How far a difference of the references may be from their dual numbers, relative to the largest of 1, the
/// loss and the derivative.
const DUAL_TOLERANCE: f64 = 1e-9;

impl GradCheck {
    /// Differentiates `loss` and compares the gradient of every parameter and variable.
    ///
    /// # Errors
    /// The first [`Mismatch`].
    ///
    /// # Panics
    /// If `loss` is not a single number.
    #[track_caller]
    pub fn run(&self, tape: &mut Tape, loss: Var) -> Result<Checked, Mismatch> {
        tape.backward(loss);
        let mut checked = Checked::default();
        let leaves: Vec<Var> = tape.differentiable_leaves().collect();
        for leaf in leaves {
            let n = tape.shape(leaf).len();
            let grad: Vec<f64> = match tape.dense_grad(leaf) {
                Some(grad) => grad.iter().map(|g| f64::from(*g)).collect(),
                None => vec![0.0; n],
            };
            let scale = grad.iter().fold(1.0f64, |s, g| s.max(g.abs()));
            checked.leaves += 1;
            if n <= self.most_elements {
                for (e, along) in grad.iter().enumerate() {
                    let direction = |i: usize| f64::from(u8::from(i == e));
                    self.compare(tape, loss, leaf, direction, *along, scale, Some(e))?;
                }
                checked.elements += n;
            }
            for d in 0..self.directions {
                let direction = |i: usize| if hash(i as u64, d as u64) & 1 == 0 { 1.0 } else { -1.0 };
                let along: f64 = grad.iter().enumerate().map(|(i, g)| g * direction(i)).sum();
                let scale = scale * (n as f64).sqrt();
                self.compare(tape, loss, leaf, direction, along, scale, None)?;
                checked.directions += 1;
            }
        }
        Ok(checked)
    }

    #[allow(clippy::too_many_arguments)]
    fn compare(
        &self,
        tape: &Tape,
        loss: Var,
        leaf: Var,
        direction: impl Fn(usize) -> f64,
        along: f64,
        scale: f64,
        element: Option<usize>,
    ) -> Result<(), Mismatch> {
        let shifted = |step: f64| {
            let f = tape.replay(|var, e, x| if var == leaf { x + step * direction(e) } else { x });
            f.value(tape, loss)[0]
        };
        let h = self.step;
        let (near, far) = (shifted(h) - shifted(-h), shifted(2.0 * h) - shifted(-2.0 * h));
        let difference = (8.0 * near - far) / (12.0 * h);
        let duals =
            tape.replay(|var, e, x| if var == leaf { Dual::new(x, direction(e)) } else { Dual::of(x) });
        let dual = duals.value(tape, loss)[0];
        let (value, dual) = (dual.value(), dual.derivative());

        let size = 1f64.max(value.abs()).max(dual.abs()) * scale;
        let references_agree = (difference - dual).abs() <= DUAL_TOLERANCE * size;
        let tape_agrees = (along - difference).abs() <= self.rtol * difference.abs() + self.atol * scale;
        if references_agree && tape_agrees {
            return Ok(());
        }
        Err(Mismatch { leaf: format!("{leaf:?}"), element, tape: along, difference, dual })
    }
}

/// A mixing of two numbers, for directions and samples that depend on nothing else.
fn hash(a: u64, b: u64) -> u64 {
    let mut h = (a ^ b.rotate_left(32)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}

#[cfg(test)]
pub(crate) use cases::{Case, Domain};

#[cfg(test)]
mod cases {
    //! Graphs to check, and the check of every operation's graphs.

    use super::*;
    use crate::{Exec, OPS, Shape};

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
        shapes: Vec<Shape>,
        domain: Domain,
        build: Build,
    }

    /// Records the operation on leaves of the case's shapes.
    type Build = Box<dyn Fn(&mut Tape, &[Var]) -> Var>;

    impl Case {
        pub(crate) fn new(shapes: &[&[usize]], build: impl Fn(&mut Tape, &[Var]) -> Var + 'static) -> Self {
            let shapes = shapes.iter().map(|s| Shape::new(s)).collect();
            Self { shapes, domain: Domain::Any, build: Box::new(build) }
        }

        pub(crate) fn on(mut self, domain: Domain) -> Self {
            self.domain = domain;
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
        fn record(&self, exec: Exec, draw: u64) -> (Tape, Var) {
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
                    let value = crate::Tensor::new(*shape, numbers(i, *shape, self.domain));
                    leaves.push(tape.param(&format!("x{i}"), value));
                }
            }
            tape.seal();
            if !as_params {
                for (i, shape) in self.shapes.iter().enumerate() {
                    leaves.push(tape.variable(*shape, &numbers(i, *shape, self.domain)));
                }
            }
            let y = (self.build)(&mut tape, &leaves);
            let shape = tape.shape(y);
            let weights = tape.input(shape, &numbers(7, shape, Domain::Any));
            let weighted = tape.mul(y, weights);
            let loss = tape.sum(weighted);
            (tape, loss)
        }
    }

    #[test]
    fn every_operation_passes_with_at_least_200_draws() {
        for op in OPS {
            let cases = (op.cases)();
            assert!(!cases.is_empty(), "{} has no cases", op.name);
            let draws = 200u64.div_ceil(cases.len() as u64).max(2);
            for (c, case) in cases.iter().enumerate() {
                for draw in 0..draws {
                    let (mut tape, loss) = case.record(Exec::Serial, draw + 1000 * c as u64);
                    let checked = GradCheck::default().run(&mut tape, loss);
                    if let Err(mismatch) = checked {
                        panic!("{}, case {c}, draw {draw}: {mismatch}\n{}", op.name, tape.table());
                    }
                }
            }
        }
    }

    /// What every operation is checked on: at least five shapes, a single row among them, and a leaf so large that
    /// it is checked along random directions.
    #[test]
    fn every_operation_is_checked_on_enough_shapes() {
        let most = GradCheck::default().most_elements;
        // a leaf computes nothing
        for op in OPS.iter().filter(|op| op.name != "leaf") {
            let cases = (op.cases)();
            let mut shapes: Vec<&[Shape]> = cases.iter().map(|case| case.shapes.as_slice()).collect();
            let any =
                |wanted: &dyn Fn(&Shape) -> bool| cases.iter().flat_map(|case| &case.shapes).any(wanted);
            assert!(any(&|shape| shape.sizes().first() == Some(&1)), "{}: no single row", op.name);
            assert!(any(&|shape| shape.len() > most), "{}: no leaf of more than {most} elements", op.name);
            shapes.sort_by_key(|shapes| format!("{shapes:?}"));
            shapes.dedup();
            assert!(shapes.len() >= 5, "{}: {} different shapes", op.name, shapes.len());
        }
    }

    #[test]
    fn every_kernel_agrees_with_its_reference() {
        for op in OPS {
            for (c, case) in (op.cases)().iter().enumerate() {
                let (tape, _) = case.record(Exec::Serial, c as u64);
                let exact = tape.replay(|_, _, x| x);
                for index in 0..tape.node_count() {
                    let var = tape.var_at(index);
                    for (fast, exact) in tape.value(var).iter().zip(exact.value(&tape, var)) {
                        let bound = 1e-5 * exact.abs().max(1.0);
                        assert!(
                            (f64::from(*fast) - exact).abs() <= bound,
                            "{}: {fast} against {exact}\n{}",
                            op.name,
                            tape.table()
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn threads_do_not_change_a_bit_of_any_operation() {
        let bits = |exec| -> Vec<u32> {
            let mut bits = Vec::new();
            for case in OPS.iter().flat_map(|op| (op.cases)()) {
                let (mut tape, loss) = case.record(exec, 3);
                tape.backward(loss);
                bits.push(tape.value(loss)[0].to_bits());
                for leaf in tape.differentiable_leaves().collect::<Vec<_>>() {
                    bits.extend(tape.dense_grad(leaf).into_iter().flatten().map(f32::to_bits));
                }
            }
            bits
        };
        let serial = bits(Exec::Serial);
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| bits(Exec::Rayon)), serial, "{threads} threads");
        }
    }

    #[test]
    fn the_table_is_a_table() {
        let mut names: Vec<&str> = OPS.iter().map(|op| op.name).collect();
        assert!(OPS.iter().all(|op| !op.doc.is_empty()));
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "two operations share a name");
    }

    #[test]
    fn a_wrong_gradient_is_found() {
        let mut tape = Tape::new();
        tape.seal();
        let x = tape.variable([2], &[1.0, 2.0]);
        let y = tape.exp(x);
        let loss = tape.sum(y);
        tape.backward(loss);
        let check = GradCheck::default();
        let right = f64::from(tape.grad(x).unwrap()[1]);
        let second = |e| f64::from(u8::from(e == 1));
        assert!(check.compare(&tape, loss, x, second, right, 1.0, Some(1)).is_ok());
        for wrong in [right * 1.01, -right, 0.0, f64::NAN] {
            let mismatch = check.compare(&tape, loss, x, second, wrong, 1.0, Some(1)).unwrap_err();
            assert_eq!(mismatch.element, Some(1));
            assert!((mismatch.dual - 2f64.exp()).abs() < 1e-12);
        }
    }
}
