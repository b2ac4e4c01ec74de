//! The entry point of the module: the processor is looked at before anything else runs.

use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::CString;

/// What Python calls when the module is imported. Without AVX2 and FMA it raises an ImportError that says so, where the first
/// vector instruction would end the process with SIGILL.
///
/// # Safety
/// Python calls it with the interpreter attached.
// Reachable by its name, for Python alone.
#[allow(unsafe_code, unreachable_pub)]
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn PyInit__native() -> *mut ffi::PyObject {
    if let Err(sentence) = lacuna_kernels::cpu::check_avx() {
        // SAFETY: the interpreter is attached, the exception lives as long as it does, and the text ends in a zero.
        unsafe { ffi::PyErr_SetString(ffi::PyExc_ImportError, sentence.as_ptr()) };
        return std::ptr::null_mut();
    }
    match lacuna_kernels::cpu::check() {
        // SAFETY: this is the function that PyO3 made for the module, called as Python would.
        Ok(()) => unsafe { super::_core::__pyo3_init() },
        Err(sentence) => {
            refuse(&sentence);
            std::ptr::null_mut()
        }
    }
}

#[allow(unsafe_code)]
#[cold]
#[inline(never)]
fn refuse(sentence: &str) {
    let text = format!(
        "lacuna: {sentence}; for Python, RUSTFLAGS=\"-C target-cpu=x86-64\" pip install ./bins/python"
    );
    let text = CString::new(text).unwrap_or_default();
    // SAFETY: the interpreter is attached, the exception lives as long as it does, and the text ends in a zero.
    unsafe { ffi::PyErr_SetString(ffi::PyExc_ImportError, text.as_ptr()) };
}

/// The instructions that run: those the module was compiled for, and wider ones that this processor has.
#[pyfunction]
pub(crate) fn simd() -> String {
    lacuna_kernels::cpu::running()
}
