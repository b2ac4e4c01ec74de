//! Tests of the harness through its public face, in one binary.

mod arrows;
mod benchmark;
