//! The operations, one file for each or for a tight family, and the table of all of them.
//!
//! An operation is a small `Copy` struct that names its inputs and constants and implements
//! [`Operation`]: forward, backward, reference and gradient-check cases, side by side in one file. Its row
//! in the table below makes it part of the tape, of dumps, of replay, of the gradient check and of the
//! determinism test.

mod arithmetic;
mod batch_norm;
mod clamp;
mod concat;
mod conv2d;
mod cross_entropy;
mod detach;
mod dropout;
#[cfg(test)]
mod extremes;
mod fused_loss;
mod gather_rows;
mod l2_normalize;
mod layer_norm;
mod leaf;
mod leaky_relu;
mod linear;
mod matmul;
mod mix_rows;
mod pointwise;
mod pool2d;
mod pow;
mod reshape;
mod scale;
mod select;
mod slice;
mod softmax;
mod sum;
mod transpose;

pub use batch_norm::RunningStats;
pub use conv2d::ConvOptions;
pub(crate) use leaf::{Leaf, LeafKind};
pub use mix_rows::RowEdges;

use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Window};

/// What every operation provides.
pub(crate) trait Operation: Copy {
    /// Name in dumps and messages.
    const NAME: &'static str;
    /// One line on what it computes.
    const DOC: &'static str;
    /// The backward pass in one line: g is the gradient of the loss with respect to the output y, dx that with respect to an
    /// input x, x^ a normalised x.
    const DERIVATIVE: &'static str;

    /// The values it reads.
    fn inputs(&self) -> Inputs;
    /// Its constants by name, for people who look at it.
    fn constants(&self) -> Constants {
        Vec::new()
    }
    /// Whether a gradient that arrives here goes on to the inputs.
    fn passes_gradient(&self) -> bool {
        true
    }
    /// Writes every element of `f.out`.
    fn forward(&self, f: Forward<'_>);
    /// Turns the gradient `b.g` into gradients of the inputs that want one.
    fn backward(&self, b: &mut Backward<'_>);
    /// Applies changes of state, from the saved area, by handing each piece of state an update.
    fn commit(&self, _saved: &[f32], _state: &mut StateUpdates<'_>) {}
    /// The formula as a book has it: scalar loops, in any arithmetic.
    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R>;
    /// Graphs on which the gradient check runs. Compulsory: without cases an operation does not compile.
    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case>;
    /// Values and limits at the ends of the numbers, of an operation that acts element by element: its cases show whether it does, and a
    /// test says where they are missing.
    #[cfg(test)]
    fn extremes() -> Vec<extremes::Row> {
        Vec::new()
    }
}

/// Constants of an operation by name.
pub(crate) type Constants = Vec<(&'static str, f64)>;

/// The constants of a window.
fn window_constants(window: Window) -> Constants {
    let Window { kernel, stride, padding } = window;
    let names = [
        ["kernel height", "kernel width"],
        ["stride height", "stride width"],
        ["padding height", "padding width"],
    ];
    let pairs = names.into_iter().zip([kernel, stride, padding]);
    pairs
        .flat_map(|(names, sizes)| [(names[0], f64::from(sizes[0])), (names[1], f64::from(sizes[1]))])
        .collect()
}

/// Lends a piece of state to an update.
pub(crate) type StateUpdates<'a> = dyn FnMut(NodeId, &mut dyn FnMut(&mut [f32])) + 'a;

/// Up to five inputs, by value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs {
    ids: [NodeId; Inputs::MOST],
    len: u8,
}

impl Inputs {
    pub(crate) const MOST: usize = 5;

    #[inline]
    pub(crate) fn new<const N: usize>(ids: [NodeId; N]) -> Self {
        Self::from_slice(&ids)
    }

    #[inline]
    pub(crate) fn from_slice(list: &[NodeId]) -> Self {
        let mut ids = [NodeId::FIRST; Inputs::MOST];
        ids[..list.len()].copy_from_slice(list);
        Self { ids, len: list.len() as u8 }
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = NodeId> {
        self.ids[..usize::from(self.len)].iter().copied()
    }
}

/// A row of the table of operations.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// Name in dumps and messages.
    pub name: &'static str,
    /// One line on what it computes.
    pub doc: &'static str,
    /// The backward pass in one line: g is the gradient of the loss with respect to the output y, dx that with respect to an
    /// input x, x^ a normalised x.
    pub derivative: &'static str,
    #[cfg(test)]
    pub(crate) cases: fn() -> Vec<crate::gradcheck::Case>,
    #[cfg(test)]
    pub(crate) extremes: fn() -> Vec<extremes::Row>,
}

macro_rules! table {
    ($($variant:ident($op:ty),)*) => {
        /// Any operation, as a node stores it.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Op { $($variant($op),)* }

        /// All operations.
        pub const OPS: &[OpInfo] = &[$(OpInfo {
            name: <$op>::NAME,
            doc: <$op>::DOC,
            derivative: <$op>::DERIVATIVE,
            #[cfg(test)]
            cases: <$op>::cases,
            #[cfg(test)]
            extremes: <$op>::extremes,
        },)*];

        impl Op {
            pub(crate) fn name(&self) -> &'static str {
                match self { $(Op::$variant(_) => <$op>::NAME,)* }
            }
            #[inline]
            pub(crate) fn inputs(&self) -> Inputs {
                match self { $(Op::$variant(op) => op.inputs(),)* }
            }
            pub(crate) fn doc(&self) -> &'static str {
                match self { $(Op::$variant(_) => <$op>::DOC,)* }
            }
            pub(crate) fn derivative(&self) -> &'static str {
                match self { $(Op::$variant(_) => <$op>::DERIVATIVE,)* }
            }
            pub(crate) fn constants(&self) -> Constants {
                match self { $(Op::$variant(op) => op.constants(),)* }
            }
            #[inline]
            pub(crate) fn passes_gradient(&self) -> bool {
                match self { $(Op::$variant(op) => op.passes_gradient(),)* }
            }
            pub(crate) fn forward(&self, f: Forward<'_>) {
                match self { $(Op::$variant(op) => op.forward(f),)* }
            }
            pub(crate) fn backward(&self, b: &mut Backward<'_>) {
                match self { $(Op::$variant(op) => op.backward(b),)* }
            }
            pub(crate) fn commit(&self, saved: &[f32], state: &mut StateUpdates<'_>) {
                match self { $(Op::$variant(op) => op.commit(saved, state),)* }
            }
            pub(crate) fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
                match self { $(Op::$variant(op) => op.reference(r),)* }
            }
        }
    };
}

table! {
    Leaf(leaf::Leaf),
    MatMul(matmul::MatMul),
    Linear(linear::Linear),
    Add(arithmetic::Add),
    Sub(arithmetic::Sub),
    Mul(arithmetic::Mul),
    Div(arithmetic::Div),
    Max(arithmetic::Max),
    Min(arithmetic::Min),
    Select(select::Select),
    Neg(pointwise::Neg),
    Scale(scale::Scale),
    Shift(scale::Shift),
    Relu(pointwise::Relu),
    LeakyRelu(leaky_relu::LeakyRelu),
    Gelu(pointwise::Gelu),
    GeluTanh(pointwise::GeluTanh),
    Sigmoid(pointwise::Sigmoid),
    Tanh(pointwise::Tanh),
    Softplus(pointwise::Softplus),
    LogSigmoid(pointwise::LogSigmoid),
    Exp(pointwise::Exp),
    Expm1(pointwise::Expm1),
    Ln(pointwise::Ln),
    Log1p(pointwise::Log1p),
    Pow(pow::Pow),
    Sqrt(pointwise::Sqrt),
    Abs(pointwise::Abs),
    Clamp(clamp::Clamp),
    Softmax(softmax::Softmax),
    LogSoftmax(softmax::LogSoftmax),
    Sum(sum::Sum),
    SumRows(sum::SumRows),
    SumColumns(sum::SumColumns),
    Detach(detach::Detach),
    Reshape(reshape::Reshape),
    Transpose(transpose::Transpose),
    GatherRows(gather_rows::GatherRows),
    MixRows(mix_rows::MixRows),
    Concat(concat::Concat),
    Slice(slice::Slice),
    Dropout(dropout::Dropout),
    LayerNorm(layer_norm::LayerNorm),
    BatchNorm(batch_norm::BatchNorm),
    L2Normalize(l2_normalize::L2Normalize),
    Conv2d(conv2d::Conv2d),
    MaxPool2d(pool2d::MaxPool2d),
    ReluMaxPool2d(pool2d::ReluMaxPool2d),
    AvgPool2d(pool2d::AvgPool2d),
    GlobalAvgPool(pool2d::GlobalAvgPool),
    CrossEntropy(cross_entropy::CrossEntropy),
    FusedLoss(fused_loss::FusedLoss),
}

impl Op {
    pub(crate) fn is_leaf(&self) -> bool {
        matches!(self, Op::Leaf(_))
    }

    pub(crate) fn is_fused_loss(&self) -> bool {
        matches!(self, Op::FusedLoss(_))
    }

    pub(crate) fn is_param(&self) -> bool {
        matches!(self, Op::Leaf(leaf) if leaf.kind == LeafKind::Param)
    }

    /// What a leaf is for; `None` for anything computed.
    pub(crate) fn leaf_kind(&self) -> Option<LeafKind> {
        match self {
            Op::Leaf(leaf) => Some(leaf.kind),
            _ => None,
        }
    }

    /// Whether it may stand before the seal.
    pub(crate) fn is_prefix(&self) -> bool {
        matches!(self, Op::Leaf(leaf) if matches!(leaf.kind, LeafKind::Param | LeafKind::State))
    }
}
