//! A float buffer that remembers how long it ever was.

/// Floats of one node. Shrinking keeps the memory and growing back clears nothing, so alternating batch
/// sizes neither allocate nor fill.
#[derive(Default)]
pub(crate) struct Buffer {
    data: Vec<f32>,
    len: usize,
}

impl Buffer {
    /// The buffer with `len` elements, whose contents are whatever stood there.
    pub(crate) fn resize(&mut self, len: usize) -> &mut [f32] {
        if len > self.data.len() {
            self.data.resize(len, 0.0);
        }
        self.len = len;
        #[cfg(debug_assertions)]
        self.data[..len].fill(f32::NAN); // an element nobody wrote shows up as NaN
        &mut self.data[..len]
    }

    pub(crate) fn get(&self) -> &[f32] {
        &self.data[..self.len]
    }

    pub(crate) fn get_mut(&mut self) -> &mut [f32] {
        &mut self.data[..self.len]
    }
}
