//! The loss trait, its inputs, the pointwise driver and the conformance tests.
