//! One positive a row stays, drawn with weights.

use crate::{ProtocolError, PythonRandom};
use lacuna_labels::{Label, LabelMatrix, ObservedLabels, TrueLabels};

/// How much each positive weighs. Weights of cells that are not positive are not looked at.
#[derive(Clone, Copy, Debug)]
pub enum KeptWeights<'a> {
    /// One for each cell, `[rows, classes]`: [`box_weights`].
    Cells(&'a [f64]),
    /// One for each class: how often it is named first.
    Classes(&'a [f64]),
}

/// Of every row one positive is observed, drawn with its weight; everything else is unknown. Experimental: the masks of the paper are
/// not published, so that only the draws are held against Python's.
///
/// Rows in order: one draw of `random.choices` where a positive of the row has a weight above 0, else one of `random.choice` among its
/// positives. A row without positives draws nothing. The script seeds once for each repetition and goes on with the same stream from the
/// training part to the validation part, so `random` is lent: seeds 10, 11, .. for weights of cells, 10, 1244, .. for those of classes.
/// Its rows are in the order of the image numbers sorted as text.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::{KeptWeights, PythonRandom, biased_positive};
///
/// // Two positives a row, of which the second class is named three times as often.
/// let truth = TrueLabels::from_fn(1000, 3, |_, class| class < 2);
/// let weights = KeptWeights::Classes(&[0.25, 0.75, 0.0]);
/// let observed = biased_positive(&mut PythonRandom::new(10), &truth, weights)?;
/// let kept = |class| (0..1000).filter(|row| observed.get(*row, class).is_positive()).count();
/// assert_eq!((kept(0) + kept(1), kept(2)), (1000, 0));
/// assert!((700..800).contains(&kept(1)));
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
///
/// Source: Arroyo, Perona and Cole, "Understanding Label Bias in Single Positive Multi-Label Learning", 2023;
/// Julio-Arroyo/single-positive-multi-label@59960aabb807, `preproc/generate_biased_labels.py`.
///
/// # Errors
/// [`ProtocolError::Evidence`] unless there is a weight for each cell or class; [`ProtocolError::Weight`] for the weight of a positive that is
/// below 0 or not finite, [`ProtocolError::Setting`] where those of a row add up to infinity.
pub fn biased_positive(
    random: &mut PythonRandom,
    truth: &TrueLabels,
    weights: KeptWeights<'_>,
) -> Result<ObservedLabels, ProtocolError> {
    let (rows, classes) = (truth.rows(), truth.classes());
    let (given, cells) = match weights {
        KeptWeights::Cells(weights) => (weights.len(), rows * classes),
        KeptWeights::Classes(weights) => (weights.len(), classes),
    };
    if given != cells {
        return Err(ProtocolError::Evidence { cells, found: given });
    }
    let mut observed = LabelMatrix::filled(rows, classes, Label::Unknown);
    let mut of_row = vec![0.0; classes];
    let mut positives = Vec::with_capacity(classes);
    for row in 0..rows {
        positives.clear();
        positives.extend((0..classes).filter(|&class| truth.get(row, class) == Label::Positive));
        of_row.fill(0.0);
        for &class in &positives {
            let value = match weights {
                KeptWeights::Cells(weights) => weights[row * classes + class],
                KeptWeights::Classes(weights) => weights[class],
            };
            if !(value >= 0.0 && value.is_finite()) {
                return Err(ProtocolError::Weight { row, class, value });
            }
            of_row[class] = value;
        }
        let total: f64 = of_row.iter().sum();
        if !total.is_finite() {
            let wanted = "a finite total of each row";
            return Err(ProtocolError::Setting { what: "weight", value: total, wanted });
        }
        let kept = match positives[..] {
            [] => continue,
            _ if total > 0.0 => random.choices(&of_row),
            _ => positives[random.choice(positives.len() as u32)],
        };
        // Rounding may leave a draw at the total itself, which stands for the last class.
        let kept = if of_row[kept] > 0.0 || total == 0.0 { kept } else { positives[positives.len() - 1] };
        observed.set(row, kept, Label::Positive);
    }
    Ok(observed.into())
}

/// An annotated object of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Annotation {
    /// Row of the picture.
    pub row: usize,
    /// Class of the object.
    pub class: usize,
    /// Its area.
    pub area: f64,
    /// Left, top, width and height of its box.
    pub bbox: [f64; 4],
}

/// What makes an object likely to be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoxBias {
    /// Its share of the annotated area of the picture.
    Size,
    /// The inverse of the distance of its box's centre from the centre of the picture.
    Location,
}

/// Weights of cells `[rows, classes]` from the annotations of pictures; `sizes` has the width and height of each row. The weights of
/// several objects of a class add up.
///
/// The reader of COCO keeps numbers by class: its `areas` weigh as [`BoxBias::Size`] does, but for the rounding of sums to 32 bits;
/// its `inverse_distances` weigh by the nearest object of a class alone.
///
/// As in the script, a distance of 0 counts as 0.0005, and weights by location are divided by the sum of the inverse distances from
/// (width, height), which changes their scale alone.
///
/// Source: Julio-Arroyo/single-positive-multi-label@59960aabb807, `preproc/generate_biased_labels.py`.
///
/// # Errors
/// [`ProtocolError::Setting`] for an annotation of a row or a class that does not exist, and for a picture whose annotated area is 0 in
/// [`BoxBias::Size`].
pub fn box_weights(
    bias: BoxBias,
    annotations: &[Annotation],
    sizes: &[[f64; 2]],
    classes: usize,
) -> Result<Vec<f64>, ProtocolError> {
    let error = |what, value: f64, wanted| Err(ProtocolError::Setting { what, value, wanted });
    let distance = |annotation: &Annotation, [x, y]: [f64; 2]| {
        let [left, top, width, height] = annotation.bbox;
        ((left + width / 2.0 - x).powi(2) + (top + height / 2.0 - y).powi(2)).sqrt()
    };
    let unless_zero = |x: f64, else_: f64| if x == 0.0 { else_ } else { x };
    let mut totals = vec![0.0; sizes.len()];
    for annotation in annotations {
        if annotation.row >= sizes.len() {
            return error("row of an annotation", annotation.row as f64, "below the number of rows");
        }
        if annotation.class >= classes {
            return error("class of an annotation", annotation.class as f64, "below the number of classes");
        }
        totals[annotation.row] += match bias {
            BoxBias::Size => annotation.area,
            BoxBias::Location => 1.0 / unless_zero(distance(annotation, sizes[annotation.row]), 1.0),
        };
    }
    let mut weights = vec![0.0; sizes.len() * classes];
    for annotation in annotations {
        let total = totals[annotation.row];
        weights[annotation.row * classes + annotation.class] += match bias {
            BoxBias::Size if total > 0.0 => annotation.area / total,
            BoxBias::Size => return error("annotated area of a row", total, "above 0"),
            BoxBias::Location => {
                let [width, height] = sizes[annotation.row];
                (1.0 / total) / unless_zero(distance(annotation, [0.5 * width, 0.5 * height]), 0.0005)
            }
        };
    }
    Ok(weights)
}

/// Positives of each class to the power `exponent`, the weights of the row of [`PROTOCOLS`](crate::PROTOCOLS): 1 names frequent classes
/// first, -1 rare ones, 0 any. A class without positives weighs nothing.
pub(crate) fn frequency_weights(truth: &TrueLabels, exponent: f64) -> Vec<f64> {
    let count = |class: usize| (0..truth.rows()).filter(|&row| truth.get(row, class).is_positive()).count();
    let weight = |n: usize| if n == 0 { 0.0 } else { (n as f64).powf(exponent) };
    (0..truth.classes()).map(|class| weight(count(class))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [&str; 9] =
        ["000111", "001001", "010010", "001010", "000000", "111010", "011000", "111111", "100000"];

    fn truth() -> TrueLabels {
        TrueLabels::from_fn(9, 6, |row, class| LABELS[row].as_bytes()[class] == b'1')
    }

    /// The kept class of each row, 9 without one.
    fn kept(observed: &ObservedLabels) -> Vec<usize> {
        let row = |row: usize| observed.row(row).iter().position(|l| l.is_positive()).unwrap_or(9);
        (0..observed.rows()).map(row).collect()
    }

    // What is kept was printed by CPython 3.11 with the loops of the script.

    #[test]
    fn masks_of_cells_over_two_parts_of_one_stream() {
        let weight = |i: usize| [0.1, 0.7, 0.2, 1.5, 0.25, 3.0][i % 6] * (1 + i / 6) as f64 / 4.0;
        let weights: Vec<f64> = (0..54).map(weight).collect();
        let mut random = PythonRandom::new(10);
        let mut draw =
            || kept(&biased_positive(&mut random, &truth(), KeptWeights::Cells(&weights)).unwrap());
        assert_eq!(draw(), [5, 5, 1, 2, 9, 4, 2, 5, 0]);
        assert_eq!(draw(), [5, 5, 1, 4, 9, 4, 1, 5, 0]);
    }

    /// Three rows have positives of weight 0 alone and take any of them.
    #[test]
    fn masks_of_classes() {
        let weights = [0.0, 0.0, 0.5, 0.1, 0.0, 2.0];
        let observed =
            biased_positive(&mut PythonRandom::new(1244), &truth(), KeptWeights::Classes(&weights));
        assert_eq!(kept(&observed.unwrap()), [5, 5, 1, 2, 9, 2, 2, 5, 0]);
    }

    #[test]
    fn weights_of_boxes() {
        let of = |row, class, area, bbox| Annotation { row, class, area, bbox };
        let annotations = [
            of(0, 2, 100.0, [10.0, 20.0, 30.0, 40.0]),
            of(0, 0, 50.5, [0.0, 0.0, 10.0, 10.0]),
            of(0, 2, 9.0, [100.0, 100.0, 3.0, 5.0]),
            of(1, 1, 7.0, [45.0, 45.0, 10.0, 10.0]),
        ];
        let sizes = [[200.0, 100.0], [100.0, 100.0]];
        let weights = |bias| box_weights(bias, &annotations, &sizes, 3).unwrap();
        assert_eq!(weights(BoxBias::Size), [0.3166144200626959, 0.0, 0.6833855799373041, 0.0, 1.0, 0.0]);
        // The last one lies in the centre.
        let by_location = [0.4717682341322139, 0.0, 1.5996439344466062, 0.0, 141421.35623730952, 0.0];
        assert_eq!(weights(BoxBias::Location), by_location);
        let wrong = [of(2, 0, 1.0, [0.0; 4]), of(0, 3, 1.0, [0.0; 4]), of(0, 0, 0.0, [0.0; 4])];
        for annotation in wrong {
            let found = box_weights(BoxBias::Size, &[annotation], &sizes, 3);
            assert!(matches!(found, Err(ProtocolError::Setting { .. })), "{found:?}");
        }
    }

    /// The areas that the reader of COCO keeps give the mask of the annotations themselves.
    #[test]
    fn areas_of_a_reader_weigh_as_annotations_do() {
        let (truth, mut annotations) = (truth(), vec![]);
        let mut read = lacuna_formats::Annotations::new(vec!["a", "b", "c", "d", "e", "f"].into());
        for row in 0..9 {
            for class in (0..6).filter(|&class| truth.get(row, class).is_positive()) {
                let area = (1 + row * 7 + class * 13) as f64;
                // Two objects of the class.
                for share in [0.25, 0.75] {
                    annotations.push(Annotation { row, class, area: share * area, bbox: [0.0; 4] });
                }
                read.push(class, area as f32, 1.0);
            }
            read.end_row();
        }
        let weights = box_weights(BoxBias::Size, &annotations, &[[10.0; 2]; 9], 6).unwrap();
        let draw = |weights: &[f64]| {
            let random = &mut PythonRandom::new(10);
            (0..20).map(|_| biased_positive(random, &truth, KeptWeights::Cells(weights)).unwrap()).collect()
        };
        let (found, expected): (Vec<ObservedLabels>, Vec<ObservedLabels>) =
            (draw(&read.areas()), draw(&weights));
        assert_eq!(found, expected);
        assert!(found.windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn weights_are_checked() {
        let draw = |weights: KeptWeights<'_>| biased_positive(&mut PythonRandom::new(1), &truth(), weights);
        assert_eq!(
            draw(KeptWeights::Classes(&[1.0; 5])),
            Err(ProtocolError::Evidence { cells: 6, found: 5 })
        );
        assert_eq!(draw(KeptWeights::Cells(&[1.0; 6])), Err(ProtocolError::Evidence { cells: 54, found: 6 }));
        let class = (0..6).find(|&class| truth().get(0, class) == Label::Positive).unwrap();
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            let refused = draw(KeptWeights::Classes(&[bad; 6])).unwrap_err().to_string();
            let place = format!("row 0, class {class} (counted from 0) is {bad},");
            assert!(refused.contains(&place), "{refused}");
        }
        let refused = draw(KeptWeights::Classes(&[f64::MAX; 6]));
        assert!(matches!(refused, Err(ProtocolError::Setting { .. })), "{refused:?}");
    }
}
