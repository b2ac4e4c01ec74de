use super::*;
use lacuna_formats::Strings;
use lacuna_labels::{Features, LabelMatrix, ObservedLabels};

/// Features or labels with names of their rows.
pub(crate) struct Named<T>(pub(crate) T, pub(crate) Strings);

impl FeatureSource for Named<Features> {
    fn features(&self) -> &Features {
        &self.0
    }
    fn row_names(&self) -> Option<&Strings> {
        Some(&self.1)
    }
}

impl LabelSource for Named<ObservedLabels> {
    fn observed(&self) -> Result<Cow<'_, ObservedLabels>, TrainError> {
        Ok(Cow::Borrowed(&self.0))
    }
    fn row_names(&self) -> Option<&Strings> {
        Some(&self.1)
    }
}

/// Two classes by the signs of two features; `hidden` cells are unknown, `wrong` ones negative.
fn data(rows: usize, hidden: &[(usize, usize)], wrong: &[(usize, usize)]) -> (Features, ObservedLabels) {
    let mut stream = Stream::new(4, "audit");
    let mut value = || stream.normal() as f32;
    let values: Vec<f32> = (0..rows * 2).map(|_| value()).map(|x| x + x.signum()).collect();
    let x = Features::new(rows, 2, values).unwrap();
    let label = |row: usize, class: usize| match x.row(row)[class] > 0.0 {
        _ if hidden.contains(&(row, class)) => Label::Unknown,
        _ if wrong.contains(&(row, class)) => Label::Negative,
        true => Label::Positive,
        false => Label::Negative,
    };
    let cells = (0..rows).flat_map(|row| [label(row, 0), label(row, 1)]).collect();
    let labels = LabelMatrix::new(rows, 2, cells).unwrap();
    (x, labels.into())
}

#[test]
fn positives_that_were_lost_or_called_negative_come_first() {
    let (x, _) = data(120, &[], &[]);
    let lost: Vec<_> =
        (0..120).map(|row| (row, row % 2)).filter(|&(r, c)| x.row(r)[c] > 0.0).take(12).collect();
    let (hidden, wrong) = lost.split_at(6);
    let (x, y) = data(120, hidden, wrong);
    let audit = audit(&x, &y).unwrap();
    let found: Vec<_> = audit.top(12).iter().map(|c| (c.row_index, c.class_index)).collect();
    assert!(lost.iter().all(|cell| found.contains(cell)), "{lost:?} {found:?}");
    assert!(audit.top(12).iter().filter(|c| c.label == Label::Negative).count() == 6);
    assert!(audit.iter().map(|c| c.score).is_sorted_by(|a, b| a >= b));
    assert_eq!(audit.len(), y.cells().iter().filter(|label| **label != Label::Positive).count());
    assert_eq!(audit.top(usize::MAX).len(), audit.len());
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_one_other_folds() {
    let (x, y) = data(50, &[(3, 0)], &[]);
    let run = |seed| AuditOptions { seed, ..AuditOptions::default() }.run(&x, &y).unwrap();
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).top(20), run(2).top(20));
}

#[test]
fn rows_are_joined_by_name_and_named() {
    let (x, y) = data(40, &[], &[(5, 0)]);
    let names = |order: &[usize]| -> Strings { order.iter().map(|row| format!("row {row}")).collect() };
    let (forward, backward): (Vec<usize>, Vec<usize>) = ((0..40).collect(), (0..40).rev().collect());
    let joined = audit(&Named(x.clone(), names(&forward)), &Named(y.select(&backward), names(&backward)));
    let (joined, plain) = (joined.unwrap(), audit(&x, &y).unwrap());
    let scores = |audit: &Audit| audit.iter().map(|c| (c.row_index, c.score)).collect::<Vec<_>>();
    assert_eq!(scores(&joined), scores(&plain));
    assert_eq!(joined.top(1)[0].row, format!("row {}", plain.top(1)[0].row));
    assert!(joined.notes()[0].contains("joined by name"), "{:?}", joined.notes());
    let others = Named(y, (0..40).map(|row| format!("other {row}")).collect());
    let refused = audit(&Named(x, names(&forward)), &others).unwrap_err();
    assert!(matches!(refused, TrainError::Rows(_)), "{refused}");
}

/// 1,500 rows of three classes with 30, 20 and 10 % positives, of which 40 % are labelled at random and nothing else is known.
/// The estimates are within 10 % of the hidden positives (283 of 289, 186 of 196, 94 of 87) and the bands hold them; a class
/// with one positive has no estimate.
#[test]
fn hidden_positives_are_counted() {
    let (rows, shares) = (1500, [0.3, 0.2, 0.1]);
    let mut stream = Stream::new(8, "hidden positives");
    let (mut features, mut cells, mut hidden) = (vec![], vec![], [0.0; 3]);
    for row in 0..rows {
        for (class, share) in shares.into_iter().enumerate() {
            let positive = stream.uniform_f64() < share;
            features.push(stream.normal() as f32 + if positive { 5.0 } else { 0.0 });
            let labelled = positive && stream.uniform_f64() < 0.4;
            hidden[class] += f64::from(u8::from(positive && !labelled));
            cells.push(if labelled { Label::Positive } else { Label::Unknown });
        }
        cells.push(if row == 7 { Label::Positive } else { Label::Unknown });
    }
    let x = Features::new(rows, 3, features).unwrap();
    let y = ObservedLabels::from(LabelMatrix::new(rows, 4, cells).unwrap());
    let audit = audit(&x, &y).unwrap();
    let found = audit.hidden_positives();
    assert_eq!(found.iter().map(|class| class.class_index).collect::<Vec<_>>(), [0, 1, 2]);
    for (class, hidden) in found.iter().zip(hidden) {
        assert!((class.expected / hidden - 1.0).abs() < 0.1, "{class:?}, {hidden} are hidden");
        assert!(class.lower < hidden && hidden < class.upper, "{class:?}, {hidden} are hidden");
    }
    let positives = y.positives() as f64 + found.iter().map(|class| class.expected).sum::<f64>();
    assert_eq!(audit.expected_positives(), positives / rows as f64);
    assert!(audit.notes().iter().any(|note| note.starts_with("1 of 4 classes")), "{:?}", audit.notes());
}

#[test]
fn folds_that_do_not_fit_are_refused() {
    let (x, y) = data(10, &[], &[]);
    for folds in [0, 1, 11] {
        let options = AuditOptions { folds, ..AuditOptions::default() };
        assert!(matches!(options.run(&x, &y).unwrap_err(), TrainError::Setting(_)), "{folds}");
    }
    // One positive: the fold that has it leaves none to learn from.
    let mut cells = vec![Label::Negative; 10];
    cells[4] = Label::Positive;
    let y = ObservedLabels::from(LabelMatrix::new(10, 1, cells).unwrap());
    let refused = audit(&x, &y).unwrap_err().to_string();
    assert!(refused.starts_with("no label is positive in the rows outside fold"), "{refused}");
}

#[test]
fn wrong_positives_come_first_among_the_labelled() {
    let (x, y) = data(200, &[], &[]);
    let wrong: Vec<(usize, usize)> =
        (0..200).map(|row| (row, row % 2)).filter(|&(r, c)| x.row(r)[c] < 0.0).take(8).collect();
    let label = |(i, label): (usize, &Label)| match wrong.contains(&(i / 2, i % 2)) {
        true => Label::Positive,
        false => *label,
    };
    let y: ObservedLabels =
        LabelMatrix::new(200, 2, y.cells().iter().enumerate().map(label).collect()).unwrap().into();
    let audit = audit(&x, &y).unwrap();
    let found = audit.wrong(8);
    let right = found.iter().filter(|c| wrong.contains(&(c.row_index, c.class_index))).count();
    assert!(right >= 7, "{found:?}");
    assert!(found.iter().all(|c| c.label == Label::Positive && !c.reason.is_empty()));
    assert_eq!(audit.wrong(usize::MAX).len(), y.positives());
    let all = audit.wrong(usize::MAX);
    let counted: Vec<bool> = all.iter().map(|c| c.reason.ends_with("joint counts it as wrong")).collect();
    assert!(counted[0] && counted[8..].iter().all(|counted| !counted), "{counted:?}");
}

/// The same score is more suspicious beside a stronger label of the row.
#[test]
fn another_label_that_explains_the_row_makes_a_positive_suspicious() {
    let observed = |labels: [[bool; 2]; 2]| -> ObservedLabels {
        let label = |positive: &bool| if *positive { Label::Positive } else { Label::Negative };
        LabelMatrix::new(2, 2, labels.iter().flatten().map(label).collect()).unwrap().into()
    };
    let score = |labels| {
        let observed = observed(labels);
        let votes = Votes { shares: vec![0.5, 0.5], ..Votes::default() };
        let sheet =
            Sheet { logits: vec![], scores: vec![-1.0, 2.0, -1.0, 0.5], deviation: 1.0, votes, observed };
        wrong::scores(&sheet).into_iter().collect::<std::collections::BTreeMap<u32, f32>>()
    };
    let share = (0.5 * 0.5_f64.ln()) as f32;
    // Both rows have two positives; the other of cell 0 is stronger than that of cell 2.
    let both = score([[true, true], [true, true]]);
    assert!((both[&0] - (-1.0 + share - 0.3 * (2.0 + share))).abs() < 1e-6);
    assert!((both[&1] - (2.0 + share - 0.3 * (-1.0 + share))).abs() < 1e-6);
    assert!(both[&0] < both[&2]);
    // The second row has one positive: the median of the other rows' competitors is taken off.
    let one = score([[true, true], [true, false]]);
    assert!((one[&2] - (-1.0 + share - 0.3 * (2.0 + share))).abs() < 1e-6, "{one:?}");
    assert_eq!(one.len(), 3);
}

#[test]
fn a_reason_counts_the_neighbours() {
    let (x, y) = data(120, &[(3, 0), (5, 1)], &[]);
    let top = audit(&x, &y).unwrap().top(2);
    assert!(top.iter().all(|c| c.reason.contains("of the 20 nearest rows are positive")), "{top:?}");
    assert!(top.iter().all(|c| c.reason.contains("% of the labelled positives score lower")), "{top:?}");
}

/// A few negatives that somebody answered are no reason to leave unknown neighbours out.
#[test]
fn unknown_neighbours_count_where_negatives_are_few() {
    let (x, y) = data(120, &[], &[]);
    let few = |known: usize| -> ObservedLabels {
        let mut negatives = 0;
        let mut label = |label: &Label| match label {
            Label::Negative => {
                negatives += 1;
                if negatives <= known { Label::Negative } else { Label::Unknown }
            }
            other => *other,
        };
        LabelMatrix::new(120, 2, y.cells().iter().map(&mut label).collect()).unwrap().into()
    };
    let says_known = |known| {
        let options = AuditOptions { fit: Fit::new("wan"), ..AuditOptions::default() };
        let top = options.run(&x, &few(known)).unwrap().top(20);
        top.iter().filter(|cell| cell.reason.contains("whose label is known in")).count()
    };
    assert_eq!(says_known(6), 0);
    assert_ne!(says_known(80), 0);
}
