//! A list that grows without moving.

use crate::memory::reserved;

/// Values in pieces of a fixed size. A vector that grows holds its values twice for a moment, and so breaks the promise
/// that reading takes at most four times the file; this one never does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chunks<T> {
    pieces: Vec<Vec<T>>,
}

/// Values of a piece.
const PIECE: usize = 1 << 13;

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { pieces: Vec::new() }
    }
}

impl<T: Copy> Chunks<T> {
    pub(crate) fn push(&mut self, value: T) {
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            // The first piece grows as small lists do.
            let capacity = if self.pieces.is_empty() { 0 } else { PIECE };
            self.pieces.push(Vec::with_capacity(capacity));
        }
        self.pieces.last_mut().expect("a piece was added").push(value);
    }

    pub(crate) fn len(&self) -> usize {
        self.pieces.last().map_or(0, |last| (self.pieces.len() - 1) * PIECE + last.len())
    }

    /// # Panics
    /// Beyond the end.
    pub(crate) fn get(&self, i: usize) -> T {
        self.pieces[i / PIECE][i % PIECE]
    }

    /// Replaces every value by what `new` makes of it.
    pub(crate) fn replace(&mut self, new: impl Fn(T) -> T) {
        self.pieces.iter_mut().flatten().for_each(|value| *value = new(*value));
    }

    /// The values one by one; pieces are given back as they are passed.
    pub(crate) fn into_values(self) -> impl Iterator<Item = T> {
        self.pieces.into_iter().flatten()
    }

    /// All values in one vector, or the bytes that could not be had; pieces are given back as they are copied.
    pub(crate) fn into_vec(self) -> Result<Vec<T>, u64> {
        let mut values = reserved(self.len())?;
        for piece in self.pieces {
            values.extend(piece);
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_across_pieces() {
        let mut list = Chunks::default();
        assert_eq!(list.len(), 0);
        for i in 0..3 * PIECE + 5 {
            list.push(i);
        }
        assert_eq!(list.len(), 3 * PIECE + 5);
        assert_eq!([list.get(0), list.get(PIECE), list.get(2 * PIECE - 1)], [0, PIECE, 2 * PIECE - 1]);
        assert!(list.into_vec().unwrap().into_iter().eq(0..3 * PIECE + 5));
    }
}
