//! Walks register tiles over a product, packing an operand only where its layout would cost more.
//!
//! Loops, outermost first:
//! ```text
//! for each piece of K            (KC steps: a panel of B, KC x 16 floats, stays in L1)
//!   pack B if it is transposed, narrow or wide
//!   for each block of ROWS rows  (pack A's block if A is transposed)
//!     for each column tile       (2 vectors wide, the last one 3 where their number is odd)
//!       for each row tile        (6 rows, or 4 where the tile is 3 vectors wide)
//! ```
//! Packing moves numbers and changes no sum, so none of these choices can show in the result.

use super::Matrix;
use super::tile::{ARows, PACKED_ROWS as ROWS, Tile};
use crate::Write;
use std::cell::Cell;

/// Steps of K between two visits of C.
const KC: usize = 256;
/// B is read where it lies up to this many columns. Wider rows put consecutive k so far apart that they
/// fall into the same cache sets.
const DIRECT_COLUMNS: usize = 128;
const LANES: usize = 8;

thread_local! {
    /// Packed operands. Taken out while in use, so that a product started by this thread while it waits
    /// for another (work stealing) finds an empty scratch instead of a borrowed one.
    static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// C = A B or C += A B for one task; sizes have been checked and are not 0.
pub(super) fn multiply(write: Write, a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32]) {
    let columns = Columns { n: b.cols };
    let pack_b = b.col_stride != 1 || b.cols < LANES || (b.cols > DIRECT_COLUMNS && a.rows > 2 * ROWS);
    let pack_a = a.col_stride != 1;
    let (a_len, b_len) =
        (if pack_a { ROWS * KC } else { 0 }, if pack_b { KC * columns.vectors() * LANES } else { 0 });

    let mut scratch = SCRATCH.take();
    if scratch.len() < a_len + b_len {
        scratch.resize(a_len + b_len, 0.0);
    }
    let (packed_a, packed_b) = scratch.split_at_mut(a_len);

    for k0 in (0..a.cols).step_by(KC) {
        let k = KC.min(a.cols - k0);
        let write = if k0 == 0 { write } else { Write::Add };
        if pack_b {
            columns.pack(b, k0, k, packed_b);
        }
        for row0 in (0..a.rows).step_by(ROWS) {
            let rows = ROWS.min(a.rows - row0);
            let a = if pack_a {
                pack_rows(a, row0, rows, k0, k, packed_a);
                BlockA::Packed(packed_a)
            } else {
                BlockA::InPlace(&a.data[row0 * a.row_stride + k0..], a.row_stride)
            };
            let block = Block { a, rows, k, write };
            let c = &mut c[row0 * b.cols..(row0 + rows) * b.cols];
            if pack_b {
                block.times_packed(columns, packed_b, c);
            } else {
                block.times_direct(columns, &b.data[k0 * b.row_stride..], b.row_stride, c);
            }
        }
    }
    SCRATCH.set(scratch);
}

/// Copies `rows` x `k` elements of a transposed A into `[k][ROWS]`.
fn pack_rows(a: Matrix<'_>, row0: usize, rows: usize, k0: usize, k: usize, out: &mut [f32]) {
    for (p, out) in out.chunks_exact_mut(ROWS).take(k).enumerate() {
        let from = row0 * a.row_stride + (k0 + p) * a.col_stride;
        if a.row_stride == 1 && rows == ROWS {
            // A length known to the compiler: three vector moves instead of a call.
            let block: &[f32; ROWS] = a.data[from..].first_chunk().expect("a block has ROWS rows");
            out.copy_from_slice(block);
        } else {
            for (i, out) in out[..rows].iter_mut().enumerate() {
                *out = a.data[from + i * a.row_stride];
            }
        }
    }
}

/// How N columns are cut into vectors and tiles.
#[derive(Clone, Copy)]
struct Columns {
    n: usize,
}

impl Columns {
    fn vectors(self) -> usize {
        self.n.div_ceil(LANES)
    }

    /// First vector and width of every tile: 2, 2, ..., and 3 at the end where the number is odd, so that
    /// the last vector, which may overlap its neighbour, always shares a tile with it.
    fn tiles(self) -> impl Iterator<Item = (usize, usize)> {
        let vectors = self.vectors();
        let mut at = 0;
        std::iter::from_fn(move || {
            let width = match vectors - at {
                0 => return None,
                1 => 1,
                3 => 3,
                _ => 2,
            };
            at += width;
            Some((at - width, width))
        })
    }

    /// Column of C at which vector `v` stands; the last one is pulled back to end at the last column.
    fn column(self, v: usize) -> usize {
        (v * LANES).min(self.n.saturating_sub(LANES))
    }

    /// Copies `k` rows of B into one panel a tile, `[k][width * 8]`, columns beyond the last as 0.
    fn pack(self, b: Matrix<'_>, k0: usize, k: usize, out: &mut [f32]) {
        for (first, width) in self.tiles() {
            let panel = &mut out[first * LANES * k..][..width * LANES * k];
            for (p, row) in panel.chunks_exact_mut(width * LANES).enumerate() {
                let from = (k0 + p) * b.row_stride;
                for (v, lanes) in row.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                    let column = self.column(first + v);
                    let take = LANES.min(self.n - column);
                    if b.col_stride == 1 && take == LANES {
                        *lanes = *b.data[from + column..].first_chunk().expect("eight columns are left");
                        continue;
                    }
                    for (j, lane) in lanes[..take].iter_mut().enumerate() {
                        *lane = b.data[from + (column + j) * b.col_stride];
                    }
                    lanes[take..].fill(0.0);
                }
            }
        }
    }
}

/// Rows of A, where they lie (with their stride) or packed.
#[derive(Clone, Copy)]
enum BlockA<'a> {
    InPlace(&'a [f32], usize),
    Packed(&'a [f32]),
}

/// At most ROWS rows of A and k steps of K.
#[derive(Clone, Copy)]
struct Block<'a> {
    a: BlockA<'a>,
    rows: usize,
    k: usize,
    write: Write,
}

impl Block<'_> {
    /// The block times rows of B that lie `b_row` apart; at least eight columns.
    fn times_direct(self, columns: Columns, b: &[f32], b_row: usize, c: &mut [f32]) {
        for (first, width) in columns.tiles() {
            self.tile_column(columns, first, width, b, b_row, true, c);
        }
    }

    /// The block times panels of B made by [`Columns::pack`].
    fn times_packed(self, columns: Columns, b: &[f32], c: &mut [f32]) {
        if columns.n < LANES {
            return self.times_narrow(columns.n, b, c);
        }
        for (first, width) in columns.tiles() {
            let panel = &b[first * LANES * self.k..][..width * LANES * self.k];
            self.tile_column(columns, first, width, panel, width * LANES, false, c);
        }
    }

    /// Fewer than eight columns: the vector goes through a buffer, since C has no room for its tail.
    fn times_narrow(self, n: usize, b: &[f32], c: &mut [f32]) {
        let mut buffer = [0.0; ROWS * LANES];
        if self.write == Write::Add {
            for (lanes, c) in buffer.chunks_exact_mut(LANES).zip(c.chunks_exact(n)) {
                lanes[..n].copy_from_slice(c);
            }
        }
        self.tile_column(Columns { n: LANES }, 0, 1, b, LANES, false, &mut buffer[..self.rows * LANES]);
        for (lanes, c) in buffer.chunks_exact(LANES).zip(c.chunks_exact_mut(n)) {
            c.copy_from_slice(&lanes[..n]);
        }
    }

    /// All row tiles of one column tile.
    #[allow(clippy::too_many_arguments)]
    fn tile_column(
        self,
        columns: Columns,
        first: usize,
        width: usize,
        b: &[f32],
        b_k: usize,
        in_place: bool,
        c: &mut [f32],
    ) {
        let n = columns.n;
        // The bounds the unsafe tiles rely on, checked once a column: last row and step of A, last step of
        // B, last row of C.
        let b_last = (self.k - 1) * b_k + if in_place { n } else { width * LANES };
        assert!(match self.a {
            BlockA::InPlace(a, row) => a.len() > (self.rows - 1) * row + self.k - 1,
            BlockA::Packed(a) => a.len() > self.rows - 1 + (self.k - 1) * ROWS,
        });
        assert!(b.len() >= b_last && n >= LANES && c.len() == self.rows * n);
        macro_rules! run {
            ($nv:literal, $tile:ident) => {{
                let c_at = std::array::from_fn(|v| columns.column(first + v));
                let b_at = if in_place { c_at } else { std::array::from_fn(|v| v * LANES) };
                // As few tiles as possible, as equal in height as possible: two tiles of 4 rows beat 6 and 2.
                let tiles = self.rows.div_ceil(Tile::<$nv>::ROWS);
                let mut row = 0;
                for tile in 0..tiles {
                    let height = (self.rows - row).div_ceil(tiles - tile);
                    let tile = Tile::<$nv> {
                        // SAFETY: row < rows, so the offsets are inside by the assertions above.
                        a: unsafe {
                            match self.a {
                                BlockA::InPlace(a, stride) => {
                                    ARows::InPlace { a: a.as_ptr().add(row * stride), row: stride }
                                }
                                BlockA::Packed(a) => ARows::Packed { a: a.as_ptr().add(row) },
                            }
                        },
                        b: b.as_ptr(),
                        b_k,
                        b_at,
                        // SAFETY: as above.
                        c: unsafe { c.as_mut_ptr().add(row * n) },
                        c_row: n,
                        c_at,
                        k: self.k,
                    };
                    // SAFETY: the tile covers rows row..row + height of A and C, steps 0..k of A and B and
                    // vectors that end at column n at the latest, all inside by the assertions above; C is
                    // borrowed mutably, so it overlaps neither A nor B.
                    unsafe { tile.$tile(height, self.write) };
                    row += height;
                }
            }};
        }
        match width {
            1 => run!(1, rows_x1),
            2 => run!(2, rows_x2),
            _ => run!(3, rows_x3),
        }
    }
}
