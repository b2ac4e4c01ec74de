//! A reverse-mode autograd tape over lacuna-kernels.
