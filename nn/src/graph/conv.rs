//! The graph convolution of Kipf and Welling over a directed graph.

use super::NeighbourGraph;
use crate::{Layer, Linear, Mode};
use lacuna_engine::{RowEdges, Tape, Var};
use rand::Rng;

/// out_j = sum over the rows i that list j of x_i W / sqrt(out_i in_j) + b, with out_i the neighbours of i and in_j how many
/// rows list j, both at least 1.
///
/// The sum goes along the arrows: row j gets the rows that list it and not its own neighbours, and a row that nobody
/// lists gets b alone. x has a row for each row of the graph.
///
/// Kipf and Welling, ICLR 2017; GraphConv of dmlc/dgl with norm "both", which palm-ml/smile@49405dbc calls.
///
/// ```
/// use lacuna_engine::{Exec, Tape};
/// use lacuna_nn::{GraphConv, Layer, Mode, NeighbourGraph};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let points = [0.0, 1.0, 3.0, 7.0];
/// let graph = NeighbourGraph::nearest(&points, 4, 1, 2, Exec::Serial)?;
/// let mut tape = Tape::new();
/// let layer = GraphConv::new(&mut tape, "conv", 1, 1, &graph, &mut ChaCha8Rng::seed_from_u64(0));
/// tape.seal();
/// tape.update_entries(|_, entry| entry.value.fill(1.0));
/// let x = tape.input([4, 1], &points);
/// let y = layer.forward(&mut tape, x, Mode::Eval);
/// assert_eq!(tape.value(y)[0], 3.0); // rows 1 and 2 list row 0: (1 + 3) / sqrt(2 * 2) + 1
/// assert_eq!(tape.value(y)[3], 1.0); // nobody lists row 3
/// # Ok::<(), lacuna_nn::GraphError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GraphConv {
    linear: Linear,
    edges: RowEdges,
    /// 1 / sqrt(out_i in_j) of every edge.
    weights: Vec<f32>,
}

impl GraphConv {
    /// A layer over this graph; W `[inputs, outputs]` and b `[outputs]` are drawn and named as those of a [`Linear`] layer.
    ///
    /// # Panics
    /// If the tape is sealed or has these names.
    #[track_caller]
    pub fn new(
        tape: &mut Tape,
        name: &str,
        inputs: usize,
        outputs: usize,
        graph: &NeighbourGraph,
        rng: &mut impl Rng,
    ) -> Self {
        let linear = Linear::new(tape, name, inputs, outputs, rng);
        Self::over(linear, graph)
    }

    /// A layer over this graph with W and b of a linear layer.
    pub fn over(linear: Linear, graph: &NeighbourGraph) -> Self {
        let (edges, weights) = (graph.along(), Self::normalisation(graph));
        Self { linear, edges, weights: weights.into_iter().map(|w| w as f32).collect() }
    }

    /// 1 / sqrt(out_i in_j) of every edge of [`NeighbourGraph::along`], in f64.
    pub fn normalisation(graph: &NeighbourGraph) -> Vec<f64> {
        let out = graph.k() as f64;
        let of_row =
            |degree: u32| std::iter::repeat_n(1.0 / (out * f64::from(degree)).sqrt(), degree as usize);
        graph.in_degrees().into_iter().flat_map(of_row).collect()
    }
}

impl Layer for GraphConv {
    fn forward(&self, tape: &mut Tape, x: Var, _: Mode) -> Var {
        let product = tape.matmul(x, self.linear.weight);
        let weights = tape.input([self.weights.len()], &self.weights);
        let mixed = tape.mix_rows(product, weights, &self.edges);
        tape.add(mixed, self.linear.bias)
    }

    fn parameters(&self) -> Vec<Var> {
        self.linear.parameters()
    }
}
