//! Exact k nearest neighbours.

use lacuna_engine::RowEdges;
use lacuna_kernels::gemm::{Matrix, gemm};
use lacuna_kernels::{Exec, Write};
use rayon::prelude::*;
use std::fmt;

/// The k nearest rows of every row: arrows from a row to its neighbours.
///
/// Distances are Euclidean, a row is no neighbour of its own, and of equal distances the lower row comes first. The
/// graph is directed: a row may be near many rows and near none.
///
/// ```
/// use lacuna_nn::NeighbourGraph;
/// use lacuna_engine::Exec;
///
/// // Four points of a line.
/// let graph = NeighbourGraph::nearest(&[0.0, 1.0, 3.0, 7.0], 4, 1, 2, Exec::Serial)?;
/// assert_eq!(graph.neighbours(0), [1, 2]);
/// assert_eq!(graph.neighbours(3), [2, 1]);
/// assert_eq!(graph.in_degrees(), [2, 3, 3, 0]); // nobody lists the last one
/// # Ok::<(), lacuna_nn::GraphError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighbourGraph {
    k: usize,
    /// `[rows, k]`, nearest first.
    neighbours: Vec<u32>,
}

/// Why there is no graph.
#[derive(Clone, Debug, PartialEq)]
pub enum GraphError {
    /// The features are no matrix of these sizes.
    Shape {
        /// Numbers given.
        found: usize,
        /// Rows.
        rows: usize,
        /// Features of a row.
        columns: usize,
    },
    /// There are not k other rows, or k is 0.
    Neighbours {
        /// Neighbours asked for.
        k: usize,
        /// Rows.
        rows: usize,
    },
    /// A feature is NaN or infinite.
    NonFinite {
        /// Row.
        row: usize,
        /// Column.
        column: usize,
    },
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GraphError::Shape { found, rows, columns } => {
                write!(f, "{found} features where {rows} rows x {columns} columns were expected")
            }
            GraphError::Neighbours { k, rows } => {
                write!(
                    f,
                    "{k} neighbours of each of {rows} rows: there have to be from 1 to one less than rows, all of them other rows"
                )
            }
            GraphError::NonFinite { row, column } => {
                write!(
                    f,
                    "the feature of row {row}, column {column} is not finite, so the row is near nothing"
                )
            }
        }
    }
}

impl std::error::Error for GraphError {}

/// Rows whose products with all rows are computed at once.
const BLOCK: usize = 32;

impl NeighbourGraph {
    /// The graph with these neighbours, k for each row.
    ///
    /// # Errors
    /// [`GraphError::Neighbours`] unless there are k of each row and all are other rows.
    pub fn new(k: usize, neighbours: Vec<u32>) -> Result<Self, GraphError> {
        let rows = neighbours.len().checked_div(k).unwrap_or(0);
        let other =
            |(row, list): (usize, &[u32])| list.iter().all(|j| (*j as usize) < rows && *j as usize != row);
        let fits = k > 0 && k < rows && neighbours.len() == rows * k;
        if !fits || !neighbours.chunks_exact(k).enumerate().all(other) {
            return Err(GraphError::Neighbours { k, rows });
        }
        Ok(Self { k, neighbours })
    }

    /// The graph of the nearest rows of features `[rows, columns]`.
    ///
    /// Products of blocks of rows in f32 give every distance with a bound of its error. Whatever may be among the k nearest
    /// within that bound is compared again by its distance in f64, so the product decides nothing. The result does not
    /// depend on the number of threads.
    ///
    /// # Errors
    /// [`GraphError`].
    pub fn nearest(
        features: &[f32],
        rows: usize,
        columns: usize,
        k: usize,
        exec: Exec,
    ) -> Result<Self, GraphError> {
        let found = features.len();
        if rows.checked_mul(columns) != Some(found) || columns == 0 || u32::try_from(rows).is_err() {
            return Err(GraphError::Shape { found, rows, columns });
        }
        if k == 0 || k >= rows {
            return Err(GraphError::Neighbours { k, rows });
        }
        if let Some(i) = features.iter().position(|x| !x.is_finite()) {
            return Err(GraphError::NonFinite { row: i / columns, column: i % columns });
        }
        let square = |x: &[f32]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        let squares: Vec<f64> = features.chunks_exact(columns).map(square).collect();
        let mut neighbours = vec![0; rows * k];
        let block = |memory: &mut Memory, (i, out): (usize, &mut [u32])| {
            let from = i * BLOCK;
            let count = out.len() / k;
            let all = Matrix::new(features, rows, columns);
            let some = Matrix::new(&features[from * columns..(from + count) * columns], count, columns);
            memory.products.resize(count * rows, 0.0);
            gemm(Exec::Serial, Write::Set, some, all.transposed(), &mut memory.products);
            let Memory { products, bounds, candidates } = memory;
            for (i, out) in out.chunks_exact_mut(k).enumerate() {
                let products = &products[i * rows..][..rows];
                nearest_of(features, columns, from + i, products, &squares, bounds, candidates, out);
            }
        };
        match exec {
            Exec::Serial => {
                let memory = &mut Memory::default();
                neighbours.chunks_mut(BLOCK * k).enumerate().for_each(|part| block(memory, part));
            }
            Exec::Rayon => {
                neighbours.par_chunks_mut(BLOCK * k).enumerate().for_each_init(Memory::default, block);
            }
        }
        Ok(Self { k, neighbours })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.neighbours.len() / self.k
    }

    /// Neighbours of each row.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The neighbours of a row, nearest first.
    pub fn neighbours(&self, row: usize) -> &[u32] {
        &self.neighbours[row * self.k..][..self.k]
    }

    /// How many rows list each row.
    pub fn in_degrees(&self) -> Vec<u32> {
        let mut degrees = vec![0; self.rows()];
        self.neighbours.iter().for_each(|row| degrees[*row as usize] += 1);
        degrees
    }

    /// The edges along the arrows: row j gets the rows that list it, the lowest first.
    pub fn along(&self) -> RowEdges {
        let mut offsets = vec![0];
        for degree in self.in_degrees() {
            offsets.push(offsets[offsets.len() - 1] + degree);
        }
        let mut next = offsets.clone();
        let mut sources = vec![0; self.neighbours.len()];
        for (row, neighbours) in self.neighbours.chunks_exact(self.k).enumerate() {
            for neighbour in neighbours {
                let place = &mut next[*neighbour as usize];
                sources[*place as usize] = row as u32;
                *place += 1;
            }
        }
        RowEdges::new(offsets, sources)
    }

    /// Means over the neighbours of each row: `out` `[rows, columns]` from values of the same size.
    ///
    /// # Panics
    /// If the sizes differ from those of the graph.
    pub fn means(&self, values: &[f32], out: &mut [f32]) {
        let columns = values.len() / self.rows();
        assert!(values.len() == self.rows() * columns && out.len() == values.len(), "values of every row");
        let share = 1.0 / self.k as f32;
        for (neighbours, out) in
            self.neighbours.chunks_exact(self.k).zip(out.chunks_exact_mut(columns.max(1)))
        {
            out.fill(0.0);
            for neighbour in neighbours {
                let values = &values[*neighbour as usize * columns..][..columns];
                out.iter_mut().zip(values).for_each(|(out, value)| *out += share * value);
            }
        }
    }
}

/// Buffers of one thread.
#[derive(Default)]
struct Memory {
    /// Products of a block with all rows.
    products: Vec<f32>,
    /// Upper bounds of the distances of a row.
    bounds: Vec<f64>,
    /// Rows that may be among the nearest, with their exact distances.
    candidates: Vec<(f64, u32)>,
}

/// The k nearest of row `row`, given its products with all rows.
#[expect(clippy::too_many_arguments, reason = "one row of a block, with the buffers of its thread")]
fn nearest_of(
    features: &[f32],
    columns: usize,
    row: usize,
    products: &[f32],
    squares: &[f64],
    bounds: &mut Vec<f64>,
    candidates: &mut Vec<(f64, u32)>,
    out: &mut [u32],
) {
    // |sum of n products - exact| <= n u / (1 - n u) sum |a_i b_i| <= 2 n u |a| |b| in any order, u = 2^-24; the distance has
    // it twice. What is smaller than a normal number is lost besides.
    let relative = 4.0 * (columns as f64 + 8.0) * f64::from(f32::EPSILON) / 2.0;
    let tiny = columns as f64 * f64::from(f32::MIN_POSITIVE);
    let distance = |j: usize| {
        let middle = squares[row] + squares[j] - 2.0 * f64::from(products[j]);
        let error =
            relative * (squares[row] * squares[j]).sqrt() + 1e-12 * (squares[row] + squares[j]) + tiny;
        (middle, error)
    };
    // A product that overflowed says nothing: its row may be anywhere.
    let upper = |j: usize| match distance(j) {
        (middle, error) if middle.is_finite() => middle + error,
        _ => f64::INFINITY,
    };
    bounds.clear();
    bounds.extend((0..squares.len()).filter(|j| *j != row).map(upper));
    let (_, kth, _) = bounds.select_nth_unstable_by(out.len() - 1, f64::total_cmp);
    let kth = *kth;
    let exact = |j: usize| {
        let (a, b) = (&features[row * columns..][..columns], &features[j * columns..][..columns]);
        a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>()
    };
    candidates.clear();
    let near = |j: &usize| {
        let (middle, error) = distance(*j);
        *j != row && (!middle.is_finite() || middle - error <= kth)
    };
    candidates.extend((0..squares.len()).filter(near).map(|j| (exact(j), j as u32)));
    candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    for (out, (_, j)) in out.iter_mut().zip(candidates) {
        *out = *j;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(features: &[f32], rows: usize, columns: usize, k: usize) -> Vec<u32> {
        let row = |i: usize| &features[i * columns..][..columns];
        let distance = |i: usize, j: usize| {
            row(i).iter().zip(row(j)).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>()
        };
        (0..rows)
            .flat_map(|i| {
                let mut others: Vec<usize> = (0..rows).filter(|j| *j != i).collect();
                others.sort_by(|a, b| distance(i, *a).total_cmp(&distance(i, *b)).then(a.cmp(b)));
                others.into_iter().take(k).map(|j| j as u32).collect::<Vec<u32>>()
            })
            .collect()
    }

    /// A sequence without structure, with repetitions where `levels` is small.
    fn numbers(count: usize, levels: u32, scale: f32, shift: f32) -> Vec<f32> {
        let mut x = 1u32;
        let mut next = || {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            shift + scale * ((x >> 8) % levels) as f32 / levels as f32
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn neighbours_are_those_of_a_naive_search() {
        for (rows, columns, k, levels, scale, shift) in [
            (2, 1, 1, 100, 1.0, 0.0),
            (70, 5, 3, 1 << 20, 1.0, 0.0),
            (100, 3, 7, 3, 1.0, 0.0),          // many equal distances
            (90, 17, 5, 1 << 20, 1.0, 1000.0), // differences far below the products' errors
            (65, 2, 64, 1 << 20, 1.0, 0.0),
            (40, 4, 3, 1 << 20, 3e19, 0.0),  // squares beyond f32
            (40, 4, 3, 1 << 20, 1e-30, 0.0), // and below
            (33, 9, 2, 1, 1.0, 0.5),         // all rows the same
        ] {
            let features = numbers(rows * columns, levels, scale, shift);
            let expected = naive(&features, rows, columns, k);
            for exec in [Exec::Serial, Exec::Rayon] {
                let graph = NeighbourGraph::nearest(&features, rows, columns, k, exec).unwrap();
                assert_eq!(graph.neighbours, expected, "{rows} x {columns}, k = {k}, scale {scale}");
            }
        }
    }

    #[test]
    fn edges_lead_along_the_arrows() {
        let graph = NeighbourGraph::nearest(&[0.0, 1.0, 3.0, 7.0], 4, 1, 2, Exec::Serial).unwrap();
        let edges = graph.along();
        let into: Vec<&[u32]> = (0..4).map(|j| edges.sources_of(j)).collect();
        assert_eq!(into, [&[1, 2][..], &[0, 2, 3], &[0, 1, 3], &[]]);
        let mut means = [f32::NAN; 4];
        graph.means(&[1.0, 2.0, 4.0, 8.0], &mut means);
        assert_eq!(means, [3.0, 2.5, 1.5, 3.0]);
    }

    #[test]
    fn input_is_checked() {
        let nearest =
            |x: &[f32], rows, columns, k| NeighbourGraph::nearest(x, rows, columns, k, Exec::Serial);
        let wrong = |k, rows| Err(GraphError::Neighbours { k, rows });
        assert_eq!(nearest(&[0.0; 4], 4, 1, 0), wrong(0, 4));
        assert_eq!(nearest(&[0.0; 4], 4, 1, 4), wrong(4, 4));
        assert_eq!(nearest(&[], 0, 1, 1), wrong(1, 0));
        assert!(matches!(nearest(&[0.0; 4], 3, 1, 1), Err(GraphError::Shape { .. })));
        let bad = nearest(&[0.0, 1.0, 2.0, f32::NAN], 2, 2, 1);
        assert_eq!(bad, Err(GraphError::NonFinite { row: 1, column: 1 }));
        assert_eq!(NeighbourGraph::new(1, vec![1, 0]).unwrap().in_degrees(), [1, 1]);
        for (k, list) in [(1, vec![0, 0]), (1, vec![1, 2]), (2, vec![1, 0, 1]), (0, vec![]), (1, vec![0])] {
            assert!(matches!(NeighbourGraph::new(k, list), Err(GraphError::Neighbours { .. })));
        }
    }
}
