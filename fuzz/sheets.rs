//! Files of answers about the cells of an audit.

use crate::{in_folder, put};
use lacuna::certified::{Review, Settings};
use lacuna::cli::audit::{read_answers, read_sheet};
use lacuna::{Audit, Features, Label, LabelMatrix, ObservedLabels};

fn settings() -> Settings {
    Settings { answers: 20, ..Settings::default() }
}

/// A file of answers, which has a line for each.
pub fn answers(data: &[u8]) {
    in_folder(
        |_| {},
        |folder| {
            let path = folder.join("answers.jsonl");
            put(&path, data);
            if let Ok(answers) = read_answers(&path, &settings(), "0123") {
                // What is behind the last line end was dropped, so the file is read again as it was.
                assert_eq!(read_answers(&path, &settings(), "0123").expect("it was read before"), answers);
            }
        },
    );
}

/// Sixty rows whose class is the sign of the feature; the labels of every third row were lost.
pub fn small() -> (Features, ObservedLabels) {
    let x = (0..60).map(|i| if i % 2 == 0 { -1.0 } else { 1.0 } * (1.0 + i as f32 / 60.0)).collect();
    let cell =
        |row: usize| if row % 2 == 1 && !row.is_multiple_of(3) { Label::Positive } else { Label::Unknown };
    let labels = LabelMatrix::new(60, 1, (0..60).map(cell).collect()).expect("as many as the shape says");
    (Features::new(60, 1, x).expect("as many as the shape says"), labels.into())
}

fn audit() -> Audit {
    let (x, y) = small();
    lacuna::audit(&x, &y).expect("an audit")
}

/// The sheet of the first questions with an answer for each.
pub fn filled() -> String {
    AUDIT.with(|audit| {
        let review = Review::new(audit, settings()).expect("there are cells");
        let line = |(rank, cell): (usize, lacuna::Candidate)| {
            format!("{},{},{},,y\n", rank + 1, cell.row, cell.class)
        };
        let lines: String = review.questions().map(line).collect();
        format!("rank,row,class,picture,answer\n{lines}")
    })
}

thread_local! {
    static AUDIT: Audit = audit();
}

/// A filled sheet of questions.
pub fn sheet(data: &[u8]) {
    in_folder(
        |_| {},
        |folder| {
            let path = folder.join("sheet.csv");
            put(&path, data);
            AUDIT.with(|audit| {
                let review = Review::new(audit, settings()).expect("there are cells");
                if let Ok(answers) = read_sheet(&path, &review) {
                    assert_eq!(answers.len(), review.questions().len());
                }
            });
        },
    );
}
