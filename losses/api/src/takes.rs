//! What a loss is evaluated on.

/// What a loss takes besides observed labels; what hands it over is the training procedure. The first matrix of logits is
/// always that of the prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// The logits of a batch.
    Logits,
    /// The logits of a batch, then the logits of label estimates of the same rows, which are a parameter with a row for
    /// each training row.
    Estimates,
    /// The logits of a batch, then the logits of mixed rows, with [`Targets::mix`](crate::Targets::mix) to say which rows
    /// those are made of.
    MixedRows,
    /// The logits that three heads give for the same rows.
    Branches,
    /// The logits of a batch, then the logits of as many background rows: points of the input space that nobody labelled.
    Background,
    /// The logits of the weakly augmented features of a batch, then those of the strongly augmented features of the same
    /// rows.
    Views,
}

impl Takes {
    /// How many matrices of logits that are.
    pub fn matrices(self) -> usize {
        match self {
            Self::Logits => 1,
            Self::Estimates | Self::MixedRows | Self::Background | Self::Views => 2,
            Self::Branches => 3,
        }
    }
}
