//! The library without its command line.
#![allow(clippy::print_stdout, reason = "a test says what it counted")]

mod outside;
mod read;
mod written;
