//! Walks register tiles over a product, packing an operand only where its layout would cost more.
//!
//! Loops, outermost first:
//! ```text
//! for each piece of K              (KC steps)
//!   for each block of MC rows      (pack A's block if A is transposed)
//!     for each column tile         (2 vectors wide, the last one 3 where their number is odd)
//!       pack B's panel, KC x 16, if it is transposed, narrow, or in rows that fall into the same cache sets
//!       for each row tile          (6 rows, or 4 where the tile is 3 vectors wide)
//! ```
//! A panel of B is in L1 for all row tiles, A's block in L2 for all column tiles. While row tiles compute they fetch the
//! next panel. Packing moves numbers and changes no sum, so none of these choices can show in the result.
//!
//! Packing everything, as general libraries do, was slower on the shapes heads have (64 x 2048 x 80: 87 % of the
//! peak against 92 %): with 64 rows a panel is used eleven times only. Longer pieces of K (384, 512) lost as well.

use super::Matrix;
use super::tile::{ARows, Ahead, PACKED_ROWS as ROWS, Tile};
use crate::{Write, f32x8};
use std::cell::Cell;

/// Steps of K between two visits of C: a panel of B (16 KB) and a tile's rows of A (6 KB) fit into L1 together.
const KC: usize = 256;
/// Rows between two visits of a panel of B: packed, 192 KB, less than half of any L2.
const MC: usize = 8 * ROWS;
/// Columns of which a multiple puts consecutive rows of B 2 KB apart, where a panel of it fills a few sets of L1.
const ALIASING_COLUMNS: usize = 512;
/// Fewer rows than this do not repay copying such a panel.
const PACK_B_ROWS: usize = 32;
/// From this size on B is not in L2 when it is wanted, and row tiles fetch the next panel while they compute.
const FETCH_FLOATS: usize = 256 * 1024;
const LANES: usize = 8;

thread_local! {
    /// Packed operands. Taken out while in use, so that a product started by this thread while it waits
    /// for another (work stealing) finds an empty scratch instead of a borrowed one.
    static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// C = A B or C += A B for one task; sizes have been checked and are not 0.
pub(super) fn multiply(write: Write, a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32]) {
    let columns = Columns { n: b.cols };
    let aliasing = b.cols.is_multiple_of(ALIASING_COLUMNS) && a.rows >= PACK_B_ROWS;
    let pack_b = b.col_stride != 1 || b.cols < LANES || aliasing;
    let fetch = b.col_stride == 1 && b.rows * b.cols >= FETCH_FLOATS;
    let pack_a = a.col_stride != 1;
    let a_len = if pack_a { MC.min(a.rows.next_multiple_of(ROWS)) * KC } else { 0 };

    let mut scratch = SCRATCH.take();
    if scratch.len() < a_len + PANEL + LINE {
        scratch.resize(a_len + PANEL + LINE, 0.0);
    }
    let aligned = scratch.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
    let (panel, packed_a) = scratch[aligned..].split_at_mut(PANEL);

    for k0 in (0..a.cols).step_by(KC) {
        let k = KC.min(a.cols - k0);
        let write = if k0 == 0 { write } else { Write::Add };
        for row0 in (0..a.rows).step_by(MC) {
            let rows = MC.min(a.rows - row0);
            if pack_a {
                for (block, out) in packed_a.chunks_mut(ROWS * k).take(rows.div_ceil(ROWS)).enumerate() {
                    let at = row0 + block * ROWS;
                    pack_rows(a, at, ROWS.min(a.rows - at), k0, k, out);
                }
            }
            for (first, width) in columns.tiles() {
                let tiles = if pack_b {
                    columns.pack(b, first, width, k0, k, panel);
                    ColumnTile {
                        columns,
                        first,
                        width,
                        b: panel,
                        b_k: width * LANES,
                        in_place: false,
                        k,
                        write,
                    }
                } else {
                    let b_k = b.row_stride;
                    ColumnTile {
                        columns,
                        first,
                        width,
                        b: &b.data[k0 * b_k..],
                        b_k,
                        in_place: true,
                        k,
                        write,
                    }
                };
                // The end of the second vector: where rows do not start at cache lines, its beginning is there already.
                let next = columns.column(first + width + 1) + LANES - 1;
                let next = match fetch && first + width < columns.vectors() {
                    true => Next { b: &b.data[k0 * b.row_stride + next..], stride: b.row_stride, rows },
                    false => Next { b: &[], stride: 0, rows: 0 },
                };
                // Blocks of rows as they were packed; rows in place need no cut, except where C goes through a buffer.
                let step = if pack_a || columns.n < LANES { ROWS } else { rows };
                for at in (0..rows).step_by(step) {
                    let height = step.min(rows - at);
                    let a = if pack_a {
                        BlockA::Packed(&packed_a[at * k..])
                    } else {
                        BlockA::InPlace(&a.data[(row0 + at) * a.row_stride + k0..], a.row_stride)
                    };
                    let c = &mut c[(row0 + at) * columns.n..][..height * columns.n];
                    match columns.n < LANES {
                        true => tiles.times_narrow(a, height, c),
                        false => tiles.times(a, at, height, next, c),
                    }
                }
            }
        }
    }
    SCRATCH.set(scratch);
}

/// Floats of the widest packed panel of B.
const PANEL: usize = KC * 3 * LANES;
/// Floats of a cache line: the panel starts at one, so that no load of it is split.
const LINE: usize = 16;

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

    /// Copies `k` rows of B into the panel `[k][width * 8]` of one tile, columns beyond the last as 0.
    fn pack(self, b: Matrix<'_>, first: usize, width: usize, k0: usize, k: usize, panel: &mut [f32]) {
        let rows = &b.data[k0 * b.row_stride..];
        match width {
            _ if b.col_stride != 1 || self.n < LANES => self.pack_any(b, first, width, k0, k, panel),
            1 => pack_rows_of_b(rows, b.row_stride, [self.column(first)], k, panel),
            2 => pack_rows_of_b(rows, b.row_stride, [0, 1].map(|v| self.column(first + v)), k, panel),
            _ => pack_rows_of_b(rows, b.row_stride, [0, 1, 2].map(|v| self.column(first + v)), k, panel),
        }
    }

    /// The same for columns that do not lie side by side, or fewer than eight.
    fn pack_any(self, b: Matrix<'_>, first: usize, width: usize, k0: usize, k: usize, panel: &mut [f32]) {
        let squares = if b.row_stride == 1 && self.n >= LANES { k / LANES } else { 0 };
        for v in 0..width {
            let columns = &b.data[self.column(first + v) * b.col_stride + k0..];
            for p in (0..squares * LANES).step_by(LANES) {
                let square: [f32x8; LANES] = std::array::from_fn(|j| {
                    let steps = columns[j * b.col_stride + p..].first_chunk();
                    f32x8::new(*steps.expect("eight steps are left"))
                });
                for (i, row) in f32x8::transpose(square).into_iter().enumerate() {
                    let at = ((p + i) * width + v) * LANES;
                    panel[at..at + LANES].copy_from_slice(row.as_array());
                }
            }
        }
        let done = squares * LANES;
        for (p, row) in panel.chunks_exact_mut(width * LANES).enumerate().take(k).skip(done) {
            let from = (k0 + p) * b.row_stride;
            for (v, lanes) in row.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                let column = self.column(first + v);
                let take = LANES.min(self.n - column);
                for (j, lane) in lanes[..take].iter_mut().enumerate() {
                    *lane = b.data[from + (column + j) * b.col_stride];
                }
                lanes[take..].fill(0.0);
            }
        }
    }
}

/// Vectors of B at the columns `at`, row after row.
fn pack_rows_of_b<const NV: usize>(b: &[f32], stride: usize, at: [usize; NV], k: usize, panel: &mut [f32]) {
    let (vectors, _) = panel.as_chunks_mut::<LANES>();
    for (p, out) in vectors.as_chunks_mut::<NV>().0.iter_mut().take(k).enumerate() {
        let row = &b[p * stride..];
        for (out, at) in out.iter_mut().zip(at) {
            *out = *row[at..].first_chunk().expect("eight columns are left");
        }
    }
}

/// Rows of A, where they lie (with their stride) or packed.
#[derive(Clone, Copy)]
enum BlockA<'a> {
    InPlace(&'a [f32], usize),
    Packed(&'a [f32]),
}

/// What the next column tile will want: its vectors of B, spread over the `rows` of this one.
#[derive(Clone, Copy)]
struct Next<'a> {
    b: &'a [f32],
    stride: usize,
    rows: usize,
}

impl Next<'_> {
    /// The share of a row tile in the `k` lines to be fetched.
    fn share(self, row: usize, height: usize, k: usize) -> Ahead {
        let (from, to) = match self.rows {
            0 => (0, 0),
            rows => (row * k / rows, (row + height) * k / rows),
        };
        Ahead {
            from: self.b.as_ptr().wrapping_add(from * self.stride),
            stride: self.stride,
            lines: to - from,
        }
    }
}

/// One column tile for one piece of K: rows of B that lie `b_k` apart, either the matrix itself (`in_place`) or a
/// panel made by [`Columns::pack`].
#[derive(Clone, Copy)]
struct ColumnTile<'a> {
    columns: Columns,
    first: usize,
    width: usize,
    b: &'a [f32],
    b_k: usize,
    in_place: bool,
    k: usize,
    write: Write,
}

impl ColumnTile<'_> {
    /// Fewer than eight columns: the vector goes through a buffer, since its tail does not fit into C.
    fn times_narrow(self, a: BlockA<'_>, rows: usize, c: &mut [f32]) {
        let n = self.columns.n;
        let mut buffer = [0.0; ROWS * LANES];
        if self.write == Write::Add {
            for (lanes, c) in buffer.chunks_exact_mut(LANES).zip(c.chunks_exact(n)) {
                lanes[..n].copy_from_slice(c);
            }
        }
        let next = Next { b: &[], stride: 0, rows: 0 };
        let wide = Self { columns: Columns { n: LANES }, ..self };
        wide.times(a, 0, rows, next, &mut buffer[..rows * LANES]);
        for (lanes, c) in buffer.chunks_exact(LANES).zip(c.chunks_exact_mut(n)) {
            c.copy_from_slice(&lanes[..n]);
        }
    }

    /// All row tiles of `rows` rows of A, the first of which is row `at` of the block.
    fn times(self, a: BlockA<'_>, at: usize, rows: usize, next: Next<'_>, c: &mut [f32]) {
        let Self { columns, first, width, b, b_k, in_place, k, write } = self;
        let n = columns.n;
        // The bounds the unsafe tiles rely on, checked once a column: last row and step of A, last step of
        // B, last row of C.
        let b_last = (k - 1) * b_k + if in_place { n } else { width * LANES };
        assert!(match a {
            BlockA::InPlace(a, row) => a.len() > (rows - 1) * row + k - 1,
            BlockA::Packed(a) => a.len() > rows - 1 + (k - 1) * ROWS,
        });
        assert!(b.len() >= b_last && n >= LANES && c.len() == rows * n);
        macro_rules! run {
            ($nv:literal, $tile:ident) => {{
                let c_at = std::array::from_fn(|v| columns.column(first + v));
                let b_at = if in_place { c_at } else { std::array::from_fn(|v| v * LANES) };
                // As few tiles as possible, as equal in height as possible: two tiles of 4 rows beat 6 and 2.
                let tiles = rows.div_ceil(Tile::<$nv>::ROWS);
                let mut row = 0;
                for tile in 0..tiles {
                    let height = (rows - row).div_ceil(tiles - tile);
                    let tile = Tile::<$nv> {
                        // SAFETY: row < rows, so the offsets are inside by the assertions above.
                        a: unsafe {
                            match a {
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
                        k,
                        ahead: next.share(at + row, height, k),
                    };
                    // SAFETY: the tile covers rows row..row + height of A and C, steps 0..k of A and B and
                    // vectors that end at column n at the latest, all inside by the assertions above; C is
                    // borrowed mutably, so it overlaps neither A nor B.
                    unsafe { tile.$tile(height, write) };
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
