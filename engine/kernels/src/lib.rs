//! SIMD slice kernels: elementwise maps, reductions, matrix products, vector math.
