//! As many chunks as threads, each summed alone, then the sums in order: where a chunk ends depends on the number of threads, and so do
//! the roundings. The engine cuts by the length of the slice, whatever the number of threads: `kernels/src/reduce.rs`.

pub(crate) fn sum(x: &[f32], threads: usize) -> f32 {
    x.chunks(x.len().div_ceil(threads)).map(|chunk| chunk.iter().sum::<f32>()).sum()
}
