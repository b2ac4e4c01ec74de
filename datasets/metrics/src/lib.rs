//! Multi-label metrics that carry their convention as an argument.
