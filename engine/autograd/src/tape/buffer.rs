//! A float buffer that remembers how long it ever was.

/// Floats of one node. Shrinking keeps the memory and growing back clears nothing, so alternating batch
/// sizes neither allocate nor fill.
///
/// The floats start at a cache line: a product that reads a matrix where it lies loses two percent if every
/// other vector is split between two lines.
#[derive(Default)]
pub(crate) struct Buffer {
    data: Vec<f32>,
    start: usize,
    len: usize,
}

/// Bytes and floats of a cache line.
const LINE_BYTES: usize = 64;
const LINE: usize = LINE_BYTES / size_of::<f32>();

impl Buffer {
    /// The buffer with `len` elements, whose contents are whatever stood there.
    #[inline]
    pub(crate) fn resize(&mut self, len: usize) -> &mut [f32] {
        if self.start + len > self.data.len() {
            self.data.resize(len + LINE, 0.0);
            self.start = self.data.as_ptr().align_offset(LINE_BYTES).min(LINE);
        }
        self.len = len;
        #[cfg(debug_assertions)]
        self.get_mut().fill(f32::NAN); // an element nobody wrote shows up as NaN
        self.get_mut()
    }

    #[inline]
    pub(crate) fn get(&self) -> &[f32] {
        &self.data[self.start..self.start + self.len]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_starts_at_a_cache_line() {
        let mut buffer = Buffer::default();
        for len in [1, 8, 3, 100, 17, 5000, 100, 70_000] {
            let floats = buffer.resize(len);
            assert_eq!(floats.len(), len);
            assert_eq!(floats.as_ptr().align_offset(LINE_BYTES), 0, "{len}");
        }
    }
}
