//! Weighted sums of rows along the arrows of a graph: y_j = sum over the edges e to row j of w_e x_{s_e}.
//!
//! The product with a sparse matrix, whose entries are values of the tape like any other: a replay may give them in
//! f64, and they may be differentiated.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::{f32x8, lanes};

/// Where the rows of a sparse sum come from: row j of the result sums `sources[offsets[j]..offsets[j + 1]]`.
///
/// ```
/// use lacuna_engine::{RowEdges, Tape};
///
/// let mut tape = Tape::new();
/// tape.seal();
/// let x = tape.input([2, 2], &[1.0, 2.0, 30.0, 40.0]);
/// // Row 0 gets both rows, row 1 nothing, row 2 the second one.
/// let edges = RowEdges::new(vec![0, 2, 2, 3], vec![0, 1, 1]);
/// let w = tape.input([3], &[1.0, 0.5, 2.0]);
/// let y = tape.mix_rows(x, w, &edges);
/// assert_eq!(tape.value(y), [16.0, 22.0, 0.0, 0.0, 60.0, 80.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowEdges {
    offsets: Vec<u32>,
    sources: Vec<u32>,
}

impl RowEdges {
    /// Edges in the order of the rows that they lead to.
    ///
    /// # Panics
    /// Unless the offsets start at 0, never fall and end at the number of sources.
    #[track_caller]
    pub fn new(offsets: Vec<u32>, sources: Vec<u32>) -> Self {
        let rising = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        let ends =
            offsets.first() == Some(&0) && offsets.last().copied() == u32::try_from(sources.len()).ok();
        assert!(rising && ends, "offsets rise from 0 to the number of sources, {}", sources.len());
        Self { offsets, sources }
    }

    /// Rows of the result.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of edges.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The rows that lead to row j.
    pub fn sources_of(&self, j: usize) -> &[u32] {
        &self.sources[self.offsets[j] as usize..self.offsets[j + 1] as usize]
    }
}

/// y_j = sum over the edges e to row j of w_e x_{s_e}.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MixRows {
    x: NodeId,
    w: NodeId,
    /// Rows of the result.
    rows: u32,
}

impl Tape {
    /// Weighted sums of the rows of x `[N, C]`, `[edges.rows(), C]`, with a weight w `[edges.len()]` for each edge. A row
    /// without edges is 0.
    ///
    /// # Panics
    /// If an edge starts at a row that does not exist, or there are not as many weights as edges.
    #[track_caller]
    pub fn mix_rows(&mut self, x: Var, w: Var, edges: &RowEdges) -> Var {
        let rows = edges.rows() as u32;
        let op = MixRows { x: self.id(x, MixRows::NAME), w: self.id(w, MixRows::NAME), rows };
        let (n, cols) = self.shape(x).matrix(MixRows::NAME);
        let weights = self.shape(w);
        assert!(
            weights.rank() == 1 && weights.len() == edges.len(),
            "mix_rows: weights {weights} for {} edges",
            edges.len()
        );
        if let Some(bad) = edges.sources.iter().find(|source| **source as usize >= n) {
            panic!("mix_rows: row {bad} of {} does not exist", self.shape(x));
        }
        self.record_with(Op::MixRows(op), Shape::from([edges.rows(), cols]), |_, indices| {
            indices.clear();
            indices.extend_from_slice(&edges.offsets);
            indices.extend_from_slice(&edges.sources);
        })
    }
}

impl MixRows {
    /// Edges by the row that they lead to: (row, edge, source).
    fn edges<'a>(&self, indices: &'a [u32]) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
        let (offsets, sources) = indices.split_at(self.rows as usize + 1);
        offsets.windows(2).enumerate().flat_map(move |(j, pair)| {
            (pair[0] as usize..pair[1] as usize).map(move |e| (j, e, sources[e] as usize))
        })
    }
}

impl Operation for MixRows {
    const NAME: &'static str = "mix_rows";
    const DOC: &'static str = "weighted sums of rows along the edges of a graph";
    const DERIVATIVE: &'static str = "dx_s = sum over the edges e from s to j of w_e g_j, dw_e = g_j . x_s";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x, self.w])
    }

    fn forward(&self, f: Forward<'_>) {
        let (_, cols) = f.values.shape(self.x).matrix(Self::NAME);
        let (x, w) = (f.values.of(self.x), f.values.of(self.w));
        f.out.fill(0.0);
        for (j, e, source) in self.edges(f.indices) {
            add_scaled(w[e], &x[source * cols..][..cols], &mut f.out[j * cols..][..cols]);
        }
    }

    /// dx_s = sum over the edges e from s of w_e g_j, dw_e = g_j . x_s
    fn backward(&self, b: &mut Backward<'_>) {
        let (_, cols) = b.shape_of(self.x).matrix(Self::NAME);
        let (g, x, w, indices) = (b.g, b.x(self.x), b.x(self.w), b.indices);
        b.scatter(self.x, |dx| {
            for (j, e, source) in self.edges(indices) {
                add_scaled(w[e], &g[j * cols..][..cols], &mut dx[source * cols..][..cols]);
            }
        });
        b.scatter(self.w, |dw| {
            for (j, e, source) in self.edges(indices) {
                dw[e] += dot(&g[j * cols..][..cols], &x[source * cols..][..cols]);
            }
        });
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (_, cols) = r.shape_of(self.x).matrix(Self::NAME);
        let (x, w) = (r.x(self.x), r.x(self.w));
        let mut y = vec![R::zero(); self.rows as usize * cols];
        for (j, e, source) in self.edges(r.indices()) {
            for c in 0..cols {
                y[j * cols + c] += w[e] * x[source * cols + c];
            }
        }
        y
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::Case;
        fn ring(n: u32) -> RowEdges {
            RowEdges::new((0..=n).map(|j| 2 * j).collect(), (0..n).flat_map(|j| [j, (j + 1) % n]).collect())
        }
        (1..=17)
            .map(|cols| {
                Case::new(&[&[3, cols], &[4]], |t, x| {
                    // A row twice, a row without edges, a source twice.
                    t.mix_rows(x[0], x[1], &RowEdges::new(vec![0, 3, 3, 4], vec![2, 0, 0, 2]))
                })
            })
            .chain([
                Case::new(&[&[1, 1], &[1]], |t, x| {
                    t.mix_rows(x[0], x[1], &RowEdges::new(vec![0, 1], vec![0]))
                }),
                Case::new(&[&[20, 21], &[40]], |t, x| t.mix_rows(x[0], x[1], &ring(20))),
                Case::new(&[&[5, 3], &[10]], |t, x| {
                    let once = t.mix_rows(x[0], x[1], &ring(5));
                    t.mix_rows(once, x[1], &ring(5))
                }),
            ])
            .collect()
    }
}

/// out += by x.
fn add_scaled(by: f32, x: &[f32], out: &mut [f32]) {
    for (x, out) in x.chunks(lanes::LANES).zip(out.chunks_mut(lanes::LANES)) {
        lanes::store(lanes::load(x).mul_add(f32x8::splat(by), lanes::load(out)), out);
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let pairs = a.chunks(lanes::LANES).zip(b.chunks(lanes::LANES));
    let sum = pairs.fold(f32x8::splat(0.0), |sum, (a, b)| lanes::load(a).mul_add(lanes::load(b), sum));
    sum.reduce_add()
}
