//! The library without its command line.

mod outside;
mod read;
