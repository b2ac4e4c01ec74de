//! The compiled part of the Python package `lacuna`: thin over the library of the same name.
//!
//! Python checks and converts arguments, and has the documentation that users read; here arrays become the types of the library
//! and back. Nothing is computed here.

mod arrays;
mod audit;
mod cpu;
mod errors;
mod fit;
mod losses;
mod masks;
mod metrics;
mod read;
mod work;

use pyo3::prelude::*;

/// Called by [`cpu::PyInit__native`] on processors that have what the code was compiled for.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(cpu::simd, module)?)?;
    losses::register(module)?;
    fit::register(module)?;
    audit::register(module)?;
    read::register(module)?;
    masks::register(module)?;
    metrics::register(module)
}
