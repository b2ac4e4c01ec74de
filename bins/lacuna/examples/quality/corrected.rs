//! What labels that answers corrected are worth: test mAP of heads before and after.

use crate::AnyError;
use crate::sets::{Kind, Rows};
use crate::{MASKS, test_map};
use lacuna::certified::{Answer, Change, Review, Settings, apply};
use lacuna::{AuditOptions, Fit, Label, ObservedLabels};
use lacuna_metrics::{ApFlavour, EmptyClass, MapConvention};
use lacuna_protocols::Stream;
use lacuna_source::DataSource;
use std::path::Path;

/// Answers of a review.
const ANSWERS: usize = 200;

/// That of [`Gain`](lacuna::Gain): over the classes with a positive.
const CONVENTION: MapConvention =
    MapConvention { flavour: ApFlavour::Sklearn, empty_class: EmptyClass::Skip };

/// Resamples of the test rows.
const RESAMPLES: usize = 2_000;

/// What stands above the rows of [`judge`].
pub(crate) const HEADER: [&str; 2] = [
    "| set, mask | before | after | difference (95 %) | labels added (right) | negatives | random answers | chosen again | bce |",
    "|---|---|---|---|---|---|---|---|---|",
];

/// Prints a row for every mask of a set: one positive of each row is known, 200 answers are the true labels, the list has at most 10 %
/// wrong entries. Random answers: the difference that answers about cells drawn at random make. Chosen again: mAP after settings were
/// chosen by the corrected labels. bce: mAP of a loss over the known cells of the corrected labels.
pub(crate) fn judge(folder: &str) -> Result<(), AnyError> {
    let data = DataSource::named(Path::new(folder))?.open()?;
    let (train, test) = (Rows::of(data.train)?, Rows::of(data.test.ok_or("the set has no test rows")?)?);
    let name = Path::new(folder).file_name().ok_or("no name of a folder")?.to_string_lossy().into_owned();
    let labels_of_test = ObservedLabels::from(test.truth.clone());
    for mask in MASKS {
        let (rows, given) = Kind::Single.give(&train, mask)?;
        let fit = Fit::new("auto");
        let audit = AuditOptions::default().run(&rows.features, &given)?;
        let is_positive = |row: usize, class: usize| rows.truth.get(row, class).is_positive();
        let mut review = Review::new(&audit, Settings { answers: ANSWERS, ..Settings::default() })?;
        while let Some(cell) = review.question() {
            let yes = is_positive(cell.row_index, cell.class_index);
            review.answer(if yes { Answer::Yes } else { Answer::No });
        }
        let changes = review.changes(&review.certificate());
        let corrected = apply(&given, &changes);
        let gain = |y: &ObservedLabels| -> Result<_, AnyError> {
            Ok(fit.retrain(&rows.features, &given, y)?.gain(&test.features, &labels_of_test, RESAMPLES)?)
        };
        let measured = gain(&corrected)?;
        // Answers about as many cells that are drawn at random.
        let mut stream = Stream::new(mask, "cells that are asked at random");
        let mut ranks: Vec<usize> = (0..audit.len()).collect();
        stream.shuffle(&mut ranks);
        let drawn: Vec<Change> = ranks[..ANSWERS]
            .iter()
            .map(|&rank| {
                let cell = review.cell(rank);
                let positive = is_positive(cell.row_index, cell.class_index);
                Change {
                    label: if positive { Label::Positive } else { Label::Negative },
                    cell,
                    rank,
                    answered: true,
                }
            })
            .collect();
        let random = gain(&apply(&given, &drawn))?;
        let map = |loss: &str| test_map(&Fit::new(loss).fit(&rows.features, &corrected)?, &test, CONVENTION);
        let added: Vec<&Change> = changes.iter().filter(|change| change.label.is_positive()).collect();
        let right =
            added.iter().filter(|change| is_positive(change.cell.row_index, change.cell.class_index)).count();
        println!(
            "| {name}, {mask} | {:.2} | {:.2} | {:+.2} ({:+.2} to {:+.2}) | {} ({right}) | {} | {:+.2} | {:.2} | {:.2} |",
            measured.before,
            measured.after,
            measured.difference,
            measured.low,
            measured.high,
            added.len(),
            changes.len() - added.len(),
            random.difference,
            map("auto")?,
            map("bce")?,
        );
    }
    Ok(())
}
