//! Nearest neighbours of feature vectors, and the layer that computes along the arrows between them.

mod conv;
mod nearest;

pub use conv::GraphConv;
pub use nearest::{GraphError, NeighbourGraph};
