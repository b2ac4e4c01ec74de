//! `shapes`: small pictures with several shapes and digits each, for nets that look at pixels.

use crate::{SetSize, SyntheticSet};
use lacuna_labels::{FeatureSet, Features, TrueLabels};
use lacuna_protocols::Stream;

/// Side of a picture in pixels.
pub const SIDE: usize = 32;
/// Colour channels of a picture.
pub const CHANNELS: usize = 3;

const TRAIN_ROWS: usize = 8000;
const TEST_ROWS: usize = 2000;
/// Pictures are divided into 2 x 2 cells of this side, each of which may hold one object.
const CELL: usize = SIDE / 2;
/// Chance that a cell holds an object; an empty picture is drawn again.
const OCCUPIED: f32 = 0.6;
/// Standard deviation of the noise on every pixel; objects are 0.5 to 1 above the background.
const NOISE: f64 = 0.05;

const CLASSES: [&str; 20] = [
    "disc", "ring", "square", "frame", "triangle", "wedge", "diamond", "plus", "saltire", "stripes", "0",
    "1", "2", "3", "4", "5", "6", "7", "8", "9",
];

/// Digits of 5 x 7 pixels, a row a number, the leftmost pixel in bit 4.
const DIGITS: [[u8; 7]; 10] = [
    [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
    [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
    [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
    [0b11110, 0b00001, 0b00001, 0b01110, 0b00001, 0b00001, 0b11110],
    [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
    [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
    [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
    [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
    [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
    [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
];

/// Pictures of 3 x 32 x 32 pixels with one to four objects of 20 classes: ten shapes and the ten digits.
///
/// 8,000 train and 2,000 test rows; a row is a picture, channel by channel, row by row. Every one of the four
/// cells holds an object with probability .6: a class drawn uniformly, 10 to 14 pixels large, moved by up to
/// two pixels, in a bright colour on a dark ground, with noise.
///
/// ```
/// let set = lacuna_synthetic::shapes(1);
/// assert_eq!(set.train.features.columns(), 3 * 32 * 32);
/// assert!(set.train.truth.mean_positives_per_row() > 2.0);
/// ```
pub fn shapes(seed: u64) -> SyntheticSet {
    shapes_sized(seed, SIZE)
}

pub(crate) const SIZE: SetSize =
    SetSize { train: TRAIN_ROWS, test: TEST_ROWS, columns: CHANNELS * SIDE * SIDE };

/// As [`shapes`], in another number of rows; the size of a picture does not change.
pub(crate) fn shapes_sized(seed: u64, size: SetSize) -> SyntheticSet {
    SyntheticSet {
        train: part(seed, "shapes, train", size.train),
        test: part(seed, "shapes, test", size.test),
    }
}

fn part(seed: u64, part: &str, rows: usize) -> FeatureSet {
    let purpose = format!("shapes {part}");
    let mut pixels = vec![0.0; rows * CHANNELS * SIDE * SIDE];
    let mut present = vec![[false; CLASSES.len()]; rows];
    for (row, (picture, present)) in
        pixels.chunks_exact_mut(CHANNELS * SIDE * SIDE).zip(&mut present).enumerate()
    {
        // A stream for each picture: the same picture whatever the number of rows.
        draw(&mut Stream::numbered(seed, &purpose, row as u64), picture, present);
    }
    let columns = CHANNELS * SIDE * SIDE;
    FeatureSet {
        features: Features::new(rows, columns, pixels).expect("a pixel for each place, all finite"),
        truth: TrueLabels::from_fn(rows, CLASSES.len(), |row, class| present[row][class]),
        observed: None,
        names: Some((0..rows).map(|row| format!("shapes/{part}/{row:05}")).collect()),
        classes: CLASSES.map(String::from).to_vec(),
    }
}

/// Draws one picture and notes what is in it.
fn draw(rng: &mut Stream, picture: &mut [f32], present: &mut [bool; CLASSES.len()]) {
    let ground = rng.uniform(0.0, 0.2);
    for pixel in &mut *picture {
        *pixel = ground + (NOISE * rng.normal()) as f32;
    }
    let mut objects = 0;
    while objects == 0 {
        for cell in 0..4 {
            if rng.uniform_f32() < OCCUPIED {
                let class = rng.below(CLASSES.len());
                present[class] = true;
                objects += 1;
                place(rng, picture, class, cell);
            }
        }
    }
}

/// Draws one object into a cell.
fn place(rng: &mut Stream, picture: &mut [f32], class: usize, cell: usize) {
    let size = 10 + rng.below(5);
    let places = CELL - size + 1;
    let (top, left) = (cell / 2 * CELL + rng.below(places), cell % 2 * CELL + rng.below(places));
    // One channel is always bright, so that no object vanishes into the ground.
    let bright = rng.below(CHANNELS);
    let colour: [f32; CHANNELS] = std::array::from_fn(|c| {
        let share = rng.uniform_f32();
        if c == bright { 0.8 + 0.2 * share } else { 0.5 + 0.5 * share }
    });
    for y in 0..size {
        for x in 0..size {
            if covers(class, size, x, y) {
                for (c, colour) in colour.iter().enumerate() {
                    picture[(c * SIDE + top + y) * SIDE + left + x] += colour;
                }
            }
        }
    }
}

/// Whether an object of `size` pixels covers a pixel.
fn covers(class: usize, size: usize, x: usize, y: usize) -> bool {
    if let Some(digit) = class.checked_sub(10) {
        // The digit is stretched to the whole square.
        let (column, row) = (x * 5 / size, y * 7 / size);
        return DIGITS[digit][row] >> (4 - column) & 1 == 1;
    }
    // Coordinates from the middle, in [-1, 1].
    let scale = |k: usize| (2 * k + 1) as f32 / size as f32 - 1.0;
    let (u, v) = (scale(x), scale(y));
    let (radius, side) = (u * u + v * v, u.abs().max(v.abs()));
    match class {
        0 => radius <= 1.0,
        1 => (0.4..=1.0).contains(&radius),
        2 => side <= 0.8,
        3 => side > 0.6,
        4 => u.abs() <= 0.5 * (v + 1.0),
        5 => u.abs() <= 0.5 * (1.0 - v),
        6 => u.abs() + v.abs() <= 1.0,
        7 => u.abs() <= 0.25 || v.abs() <= 0.25,
        8 => (u - v).abs() <= 0.35 || (u + v).abs() <= 0.35,
        _ => (y / 2).is_multiple_of(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_hold_what_their_labels_say() {
        let set = shapes(3);
        assert_eq!((set.train.rows(), set.test.rows()), (TRAIN_ROWS, TEST_ROWS));
        let counts = set.train.truth.positives_per_class();
        assert!(counts.iter().all(|n| (700..1200).contains(n)), "{counts:?}");
        assert!((0..set.train.rows()).all(|row| set.train.truth.row(row).iter().any(|l| l.is_positive())));
        assert_eq!(set, shapes(3));
        assert_ne!(set.train.features.row(0), shapes(4).train.features.row(0));
        assert_ne!(set.train.features.row(0), set.test.features.row(0));
    }

    #[test]
    fn no_two_classes_look_alike() {
        for size in 10..=14 {
            let mask = |class: usize| -> Vec<bool> {
                (0..size * size).map(|i| covers(class, size, i % size, i / size)).collect()
            };
            for (a, name) in CLASSES.iter().enumerate() {
                assert!(mask(a).iter().filter(|m| **m).count() > size, "{name} is hardly there");
                for (b, other) in CLASSES[..a].iter().enumerate() {
                    let differ = mask(a).iter().zip(mask(b)).filter(|(a, b)| **a != *b).count();
                    assert!(differ >= 6, "{name} and {other} at size {size}: {differ} pixels");
                }
            }
        }
    }
}
