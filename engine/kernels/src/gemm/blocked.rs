//! Walks register tiles over a product, packing an operand only where its layout would cost more.
//!
//! Loops, outermost first:
//! ```text
//! for each piece of K              (KC steps)
//!   for each block of MC rows      (pack A's block if A is transposed, copy it if its rows fall into the same cache sets)
//!     for each column tile         (2 vectors wide, the last one 3 where their number is odd)
//!       pack B's panel, KC x 2 vectors, if it is transposed, narrow, or in rows that fall into the same cache sets
//!       for each row tile          (as high as the registers allow: `Tiles::ROWS`)
//! ```
//! A panel of B is near for all row tiles, A's block in L2 for all column tiles. While row tiles compute they fetch the
//! next panel of B and the next block of A into L2, which is what large products wait for: a tile hides the latency of L2
//! behind its arithmetic, that of L3 it does not. Packing moves numbers and changes no sum, so none of these choices can show in
//! the result.
//!
//! What it brought on a Zen 4 with vectors of sixteen, in percent of the peak: fetching A 1024 x 2048 x 80 86 -> 91 and the weight
//! gradient 2048 x 1024 x 80 69 -> 85; copied rows 1024 x 2048 x 512 84 -> 91 and 1024^3 82 -> 88 (copying costs two percent where only
//! 80 columns read each row). Blocks of 96, 264, 384 rows in place of 192 were within two percent, of 504 slower.
//!
//! Packing everything, as general libraries do, was slower on the shapes heads have (64 x 2048 x 80: 87 % of the
//! peak against 92 %): with 64 rows a panel is used eleven times only. Longer pieces of K (384, 512) lost as well.

use super::Matrix;
use super::tile::{ARows, Ahead, LINE, PACKED_ROWS as ROWS, Tile, Tiles};
use crate::{Write, f32x8};
use std::cell::Cell;
use std::marker::PhantomData;

/// Steps of K between two visits of C: a panel of B (16 KB) and a tile's rows of A (6 KB) fit into L1 together.
const KC: usize = 256;
/// Rows between two visits of a panel of B: 192 KB of A.
const MC: usize = 8 * ROWS;
/// Columns of which a multiple puts consecutive rows of B 2 KB apart, where a panel of it fills a few sets of L1.
const ALIASING_COLUMNS: usize = 512;
/// Fewer rows than this do not repay copying such a panel.
const PACK_B_ROWS: usize = 32;
/// From this size on B is not in L2 when it is wanted, and row tiles fetch the next panel while they compute.
const FETCH_FLOATS: usize = 256 * 1024;
/// Steps of K of which a multiple puts consecutive rows of A 4 KB apart, where those of a tile share a set of L1 and a few of L2.
const ALIASING_STEPS: usize = 1024;
/// Fewer rows than this, and fewer columns that each of them meets, do not repay copying such rows.
const COPY_A_ROWS: usize = 48;
const COPY_A_COLUMNS: usize = 160;
/// Floats between two copied rows: they start in different sets of every cache.
const COPIED: usize = KC + LINE;
/// Floats of the widest vector.
const WIDEST: usize = 16;

thread_local! {
    /// Packed operands. Taken out while in use, so that a product started by this thread while it waits
    /// for another (work stealing) finds an empty scratch instead of a borrowed one.
    static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// C = A B or C += A B for part i of n of the column tiles, with vectors of L floats; sizes have been checked and are not 0.
///
/// # Safety
/// The processor must have the vector. `c` points to the M N elements of C, those of this part are nobody else's meanwhile, and they
/// overlap neither A nor B.
pub(super) unsafe fn multiply<V: Tiles, const L: usize>(
    write: Write,
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: *mut f32,
    part: (usize, usize),
) {
    const { assert!(V::LANES == L && L <= WIDEST) };
    let columns = Columns::<L> { n: b.cols, part };
    let aliasing = b.cols.is_multiple_of(ALIASING_COLUMNS) && a.rows >= PACK_B_ROWS;
    let pack_b = b.col_stride != 1 || b.cols < L || aliasing;
    let fetch = b.col_stride == 1 && b.rows * b.cols >= FETCH_FLOATS;
    let place = Place::of(a, b.cols);
    let a_len = if place == Place::Original { 0 } else { MC.min(a.rows.next_multiple_of(ROWS)) * COPIED };

    let mut scratch = SCRATCH.take();
    if scratch.len() < a_len + PANEL + LINE {
        scratch.resize(a_len + PANEL + LINE, 0.0);
    }
    let aligned = scratch.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
    let (panel, moved) = scratch[aligned..].split_at_mut(PANEL);

    for k0 in (0..a.cols).step_by(KC) {
        let k = KC.min(a.cols - k0);
        let write = if k0 == 0 { write } else { Write::Add };
        for row0 in (0..a.rows).step_by(MC) {
            let rows = MC.min(a.rows - row0);
            match place {
                Place::Original => {}
                Place::Copied => copy_rows(a, row0, rows, k0, k, moved),
                Place::Packed => pack_rows(a, row0, rows, k0, k, moved),
            }
            let mut of_a = next_block(a, [row0 + rows, k0], columns.count::<V>(rows) * k);
            for (first, width) in columns.tiles() {
                let tiles = if pack_b {
                    columns.pack(b, first, width, k0, k, panel);
                    ColumnTile { columns, first, width, b: panel, b_k: width * L, in_place: false, k, write }
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
                let of_b = match fetch {
                    true => columns.next_panel(b, first + width, k0, k, rows.div_ceil(V::ROWS[width - 1])),
                    false => Ahead::NOTHING,
                };
                // Blocks of rows as they were packed; rows in place need no cut, except where C goes through a buffer.
                let step = if place == Place::Packed || columns.n < L { ROWS } else { rows };
                let mut ahead = [of_b, of_a];
                for at in (0..rows).step_by(step) {
                    let height = step.min(rows - at);
                    let a = match place {
                        Place::Original => {
                            BlockA::InPlace(&a.data[(row0 + at) * a.row_stride + k0..], a.row_stride)
                        }
                        Place::Copied => BlockA::InPlace(&moved[at * COPIED..], COPIED),
                        Place::Packed => BlockA::Packed(&moved[at * k..]),
                    };
                    // SAFETY: row0 + at < M.
                    let c = unsafe { c.add((row0 + at) * columns.n) };
                    // SAFETY: the caller promises that the processor has the vector; `height` rows of C are left.
                    unsafe {
                        match columns.n < L {
                            true => tiles.times_narrow::<V>(a, height, &mut ahead, c),
                            false => tiles.times::<V>(a, height, &mut ahead, c),
                        }
                    }
                }
                of_a = ahead[1];
            }
        }
    }
    SCRATCH.set(scratch);
}

/// Where row tiles read A.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Where it lies.
    Original,
    /// Rows copied to places that share no cache sets.
    Copied,
    /// Blocks in the order in which tiles read them, of a transposed matrix.
    Packed,
}

impl Place {
    fn of(a: Matrix<'_>, columns: usize) -> Self {
        let aliasing = a.row_stride.is_multiple_of(ALIASING_STEPS);
        match a.col_stride {
            1 if aliasing && a.rows >= COPY_A_ROWS && columns >= COPY_A_COLUMNS => Place::Copied,
            1 => Place::Original,
            _ => Place::Packed,
        }
    }
}

/// The block of A that comes after the one that ends before row `row` in the piece of K at `k0`: rows of the same piece, or the
/// first rows of the next.
fn next_block(a: Matrix<'_>, [row, k0]: [usize; 2], steps: usize) -> Ahead {
    let (row, k0) = if row < a.rows { (row, k0) } else { (0, k0 + KC) };
    if k0 >= a.cols {
        return Ahead::NOTHING;
    }
    let (rows, k) = (MC.min(a.rows - row), KC.min(a.cols - k0));
    let from = a.data.as_ptr().wrapping_add(row * a.row_stride + k0 * a.col_stride);
    match a.col_stride {
        1 => Ahead::rows(from, rows, k, a.row_stride, steps),
        _ => Ahead::rows(from, k, rows, a.col_stride, steps),
    }
}

/// Floats of the widest packed panel of B.
const PANEL: usize = KC * 3 * WIDEST;
/// Copies `rows` x `k` elements of A, a row every [`COPIED`] floats.
fn copy_rows(a: Matrix<'_>, row0: usize, rows: usize, k0: usize, k: usize, out: &mut [f32]) {
    for (i, out) in out.chunks_exact_mut(COPIED).take(rows).enumerate() {
        out[..k].copy_from_slice(&a.data[(row0 + i) * a.row_stride + k0..][..k]);
    }
}

/// Copies `rows` x `k` elements of a transposed A into blocks `[k][ROWS]`, one after the other.
///
/// A row of the matrix that lies in memory is read as a whole, for all blocks, before the next one: rows lie kilobytes apart, and
/// reading a block's share of each takes 1.6 times as long where they come from the third-level cache.
fn pack_rows(a: Matrix<'_>, row0: usize, rows: usize, k0: usize, k: usize, out: &mut [f32]) {
    let whole = if a.row_stride == 1 { rows / ROWS } else { 0 };
    for p in 0..k {
        let from = row0 * a.row_stride + (k0 + p) * a.col_stride;
        let (blocks, _) = a.data[from..].as_chunks::<ROWS>();
        for (block, out) in blocks.iter().take(whole).zip(out.chunks_exact_mut(ROWS * k)) {
            // A length known to the compiler: three vector moves instead of a call.
            out[p * ROWS..][..ROWS].copy_from_slice(block);
        }
        for i in whole * ROWS..rows {
            out[i / ROWS * ROWS * k + p * ROWS + i % ROWS] = a.data[from + i * a.row_stride];
        }
    }
}

/// How N columns are cut into vectors and tiles.
#[derive(Clone, Copy)]
struct Columns<const L: usize> {
    n: usize,
    /// Part i of n of the tiles.
    part: (usize, usize),
}

impl<const L: usize> Columns<L> {
    fn vectors(self) -> usize {
        self.n.div_ceil(L)
    }

    /// First vector and width of every tile: 2, 2, ..., and 3 at the end where the number is odd, so that
    /// the last vector, which may overlap its neighbour, always shares a tile with it. Those of this part.
    fn tiles(self) -> impl Iterator<Item = (usize, usize)> {
        let vectors = self.vectors();
        let count = (vectors / 2).max(1);
        let (part, parts) = self.part;
        (part * count / parts..(part + 1) * count / parts).map(move |tile| {
            let first = 2 * tile;
            (first, if tile + 1 == count { vectors - first } else { 2 })
        })
    }

    /// Column of C at which vector `v` stands; the last one is pulled back to end at the last column.
    fn column(self, v: usize) -> usize {
        (v * L).min(self.n.saturating_sub(L))
    }

    /// Row tiles of all column tiles over `rows` rows.
    fn count<V: Tiles>(self, rows: usize) -> usize {
        self.tiles().map(|(_, width)| rows.div_ceil(V::ROWS[width - 1])).sum()
    }

    /// The vectors of B from vector `first` on that the next column tile will want, fetched by so many row tiles.
    fn next_panel(self, b: Matrix<'_>, first: usize, k0: usize, k: usize, tiles: usize) -> Ahead {
        let Some((_, width)) = self.tiles().find(|(at, _)| *at == first) else { return Ahead::NOTHING };
        let column = self.column(first);
        let floats = self.column(first + width - 1) + L - column;
        let from = b.data.as_ptr().wrapping_add(k0 * b.row_stride + column);
        Ahead::rows(from, k, floats, b.row_stride, tiles * k)
    }

    /// Copies `k` rows of B into the panel `[k][width * L]` of one tile, columns beyond the last as 0.
    fn pack(self, b: Matrix<'_>, first: usize, width: usize, k0: usize, k: usize, panel: &mut [f32]) {
        let rows = &b.data[k0 * b.row_stride..];
        match width {
            _ if b.col_stride != 1 || self.n < L => self.pack_any(b, first, width, k0, k, panel),
            1 => pack_rows_of_b::<L, 1>(rows, b.row_stride, [self.column(first)], k, panel),
            2 => pack_rows_of_b::<L, 2>(rows, b.row_stride, [0, 1].map(|v| self.column(first + v)), k, panel),
            _ => pack_rows_of_b::<L, 3>(
                rows,
                b.row_stride,
                [0, 1, 2].map(|v| self.column(first + v)),
                k,
                panel,
            ),
        }
    }

    /// The same for columns that do not lie side by side, or fewer than a vector has.
    fn pack_any(self, b: Matrix<'_>, first: usize, width: usize, k0: usize, k: usize, panel: &mut [f32]) {
        let squares = if b.row_stride == 1 && self.n >= L { k / SQUARE } else { 0 };
        for (v, part) in (0..width).flat_map(|v| (0..L).step_by(SQUARE).map(move |part| (v, part))) {
            let columns = &b.data[(self.column(first + v) + part) * b.col_stride + k0..];
            for p in (0..squares * SQUARE).step_by(SQUARE) {
                let square: [f32x8; SQUARE] = std::array::from_fn(|j| {
                    let steps = columns[j * b.col_stride + p..].first_chunk();
                    f32x8::new(*steps.expect("eight steps are left"))
                });
                for (i, row) in f32x8::transpose(square).into_iter().enumerate() {
                    let at = ((p + i) * width + v) * L + part;
                    panel[at..at + SQUARE].copy_from_slice(row.as_array());
                }
            }
        }
        let done = squares * SQUARE;
        for (p, row) in panel.chunks_exact_mut(width * L).enumerate().take(k).skip(done) {
            let from = (k0 + p) * b.row_stride;
            for (v, lanes) in row.as_chunks_mut::<L>().0.iter_mut().enumerate() {
                let column = self.column(first + v);
                let take = L.min(self.n - column);
                for (j, lane) in lanes[..take].iter_mut().enumerate() {
                    *lane = b.data[from + (column + j) * b.col_stride];
                }
                lanes[take..].fill(0.0);
            }
        }
    }
}

/// Side of the squares that are transposed in registers.
const SQUARE: usize = 8;

/// Vectors of B at the columns `at`, row after row.
fn pack_rows_of_b<const L: usize, const NV: usize>(
    b: &[f32],
    stride: usize,
    at: [usize; NV],
    k: usize,
    panel: &mut [f32],
) {
    let (vectors, _) = panel.as_chunks_mut::<L>();
    for (p, out) in vectors.as_chunks_mut::<NV>().0.iter_mut().take(k).enumerate() {
        let row = &b[p * stride..];
        for (out, at) in out.iter_mut().zip(at) {
            *out = *row[at..].first_chunk().expect("the columns of a vector are left");
        }
    }
}

/// Rows of A, where they lie (with their stride) or packed.
#[derive(Clone, Copy)]
enum BlockA<'a> {
    InPlace(&'a [f32], usize),
    Packed(&'a [f32]),
}

/// One column tile for one piece of K: rows of B that lie `b_k` apart, either the matrix itself (`in_place`) or a
/// panel made by [`Columns::pack`].
#[derive(Clone, Copy)]
struct ColumnTile<'a, const L: usize> {
    columns: Columns<L>,
    first: usize,
    width: usize,
    b: &'a [f32],
    b_k: usize,
    in_place: bool,
    k: usize,
    write: Write,
}

impl<const L: usize> ColumnTile<'_, L> {
    /// Fewer columns than a vector has: it goes through a buffer, since its tail does not fit into C.
    ///
    /// # Safety
    /// As for [`ColumnTile::times`], and the rows of C are wholly the caller's.
    unsafe fn times_narrow<V: Tiles>(self, a: BlockA<'_>, rows: usize, ahead: &mut [Ahead; 2], c: *mut f32) {
        let n = self.columns.n;
        // SAFETY: `rows` rows of n elements, by the contract.
        let c = unsafe { std::slice::from_raw_parts_mut(c, rows * n) };
        let mut buffer = [0.0; ROWS * WIDEST];
        if self.write == Write::Add {
            for (lanes, c) in buffer.chunks_exact_mut(L).zip(c.chunks_exact(n)) {
                lanes[..n].copy_from_slice(c);
            }
        }
        let wide = Self { columns: Columns { n: L, part: (0, 1) }, ..self };
        // SAFETY: passed on.
        unsafe { wide.times::<V>(a, rows, ahead, buffer.as_mut_ptr()) };
        for (lanes, c) in buffer.chunks_exact(L).zip(c.chunks_exact_mut(n)) {
            c.copy_from_slice(&lanes[..n]);
        }
    }

    /// All row tiles of `rows` rows of A.
    ///
    /// # Safety
    /// The processor must have the vector. `c` points to `rows` rows of C, whose columns under this tile are nobody else's meanwhile
    /// and overlap neither A nor B.
    unsafe fn times<V: Tiles>(self, a: BlockA<'_>, rows: usize, ahead: &mut [Ahead; 2], c: *mut f32) {
        let Self { columns, first, width, b, b_k, in_place, k, write } = self;
        let n = columns.n;
        // The bounds the unsafe tiles rely on, checked once a column: last row and step of A, last step of B.
        let b_last = (k - 1) * b_k + if in_place { n } else { width * L };
        assert!(match a {
            BlockA::InPlace(a, row) => a.len() > (rows - 1) * row + k - 1,
            BlockA::Packed(a) => a.len() > rows - 1 + (k - 1) * ROWS,
        });
        assert!(b.len() >= b_last && n >= L);
        macro_rules! run {
            ($nv:literal, $tile:ident) => {{
                let c_at = std::array::from_fn(|v| columns.column(first + v));
                let b_at = if in_place { c_at } else { std::array::from_fn(|v| v * L) };
                // As few tiles as possible, as equal in height as possible: two tiles of 4 rows beat 6 and 2.
                let tiles = rows.div_ceil(V::ROWS[$nv - 1]);
                let mut row = 0;
                for tile in 0..tiles {
                    let height = (rows - row).div_ceil(tiles - tile);
                    let tile = Tile::<'_, V, $nv> {
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
                        c: unsafe { c.add(row * n) },
                        c_row: n,
                        c_at,
                        k,
                        ahead,
                        vector: PhantomData,
                    };
                    // SAFETY: the tile covers rows row..row + height of A and C, steps 0..k of A and B and
                    // vectors that end at column n at the latest, inside A and B by the assertions above and inside C
                    // by the contract.
                    unsafe { V::$tile(tile, height, write) };
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
