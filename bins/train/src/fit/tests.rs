use super::*;
use crate::MlpSpec;
use lacuna_labels::LabelMatrix;
use lacuna_losses::LOSSES;

const N: Label = Label::Negative;
const U: Label = Label::Unknown;
const P: Label = Label::Positive;

/// Three classes that depend on the signs of five features; labels by `cell`.
fn data(rows: usize, cell: impl Fn(usize, usize, bool) -> Label) -> (Features, ObservedLabels) {
    let mut stream = Stream::new(3, "fit");
    let x = Features::new(rows, 5, (0..rows * 5).map(|_| stream.normal() as f32).collect()).unwrap();
    let cells = (0..rows).flat_map(|row| (0..3).map(move |class| (row, class)));
    let cells = cells.map(|(row, class)| cell(row, class, x.row(row)[class] + 0.3 * x.row(row)[3] > 0.4));
    let labels = LabelMatrix::new(rows, 3, cells.collect()).unwrap();
    (x, labels.into())
}

fn third_unknown(row: usize, class: usize, positive: bool) -> Label {
    match ((row + class) % 3, positive) {
        (0, _) => U,
        (_, true) => P,
        (_, false) => N,
    }
}

fn positives_only(row: usize, class: usize, positive: bool) -> Label {
    if positive && !(row + class).is_multiple_of(3) { P } else { U }
}

/// Share of cells that are predicted as they are.
fn right(model: &Model, x: &Features) -> f64 {
    let (_, truth) = data(x.rows(), |_, _, positive| if positive { P } else { N });
    let decided = model.decide(&model.predict(x).unwrap());
    let same = decided.cells().iter().zip(truth.cells()).filter(|(a, b)| a == b);
    same.count() as f64 / truth.cells().len() as f64
}

#[test]
fn known_negatives_lead_to_bce_over_the_known_cells() {
    let (x, y) = data(200, third_unknown);
    let model = Fit::new("auto").fit(&x, &y).unwrap();
    assert_eq!(model.trained_with().loss, "bce");
    assert!(right(&model, &x) > 0.95, "{}", right(&model, &x));
    assert!(model.notes().iter().any(|note| note.contains("negatives are known")), "{:?}", model.notes());
    assert!(model.notes().last().unwrap().starts_with("L-BFGS converged"), "{:?}", model.notes());
    let said = Fit::new("auto").explain(&x, &y).unwrap();
    assert_eq!(said[..], model.notes()[..said.len()]);
}

#[test]
fn positives_alone_lead_to_a_loss_that_weighs_unknown_cells_less() {
    let (x, y) = data(200, positives_only);
    let model = Fit::new("auto").fit(&x, &y).unwrap();
    assert_eq!(model.trained_with().loss, "label-frequency");
    let mlp = Fit::new("auto").head(Head::Mlp(MlpSpec::plain(vec![8]))).epochs(2).fit(&x, &y).unwrap();
    assert_eq!(mlp.trained_with().loss, POSITIVES_ONLY);
    let p = model.predict(&x).unwrap();
    // Positives that were hidden score higher than negatives.
    let mean = |positive: bool| {
        let (_, truth) = data(200, |_, _, positive| if positive { P } else { N });
        let of = |(i, p): (usize, &f32)| {
            let here = y.cells()[i] == U && (truth.cells()[i] == P) == positive;
            here.then_some(f64::from(*p))
        };
        let values: Vec<f64> = p.probabilities().iter().enumerate().filter_map(of).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    assert!(mean(true) > mean(false) + 0.3, "{} {}", mean(true), mean(false));
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let (x, y) = data(80, third_unknown);
    for head in [Head::Linear, Head::Mlp(MlpSpec::plain(vec![8])), Head::Cosine] {
        let fit = Fit::new("bce").head(head.clone()).seed(3).epochs(5);
        let (one, other) = (fit.fit(&x, &y).unwrap(), fit.fit(&x, &y).unwrap());
        assert_eq!(one, other);
        let predicted =
            |model: &Model| model.predict(&x).unwrap().logits().iter().map(|z| z.to_bits()).sum::<u32>();
        assert_eq!(predicted(&one), predicted(&other), "{head}");
    }
}

#[test]
fn heads_other_than_linear_take_the_best_epoch_on_held_out_rows() {
    for (labels, loss) in [(third_unknown as fn(usize, usize, bool) -> Label, "bce"), (positives_only, "an")]
    {
        let (x, y) = data(200, labels);
        let fit = Fit::new(loss).head(Head::Mlp(MlpSpec::plain(vec![16]))).epochs(20);
        let model = fit.fit(&x, &y).unwrap();
        assert!(model.notes().iter().any(|note| note.contains("held out")), "{:?}", model.notes());
        assert!(model.notes().last().unwrap().contains("best on held-out rows"), "{:?}", model.notes());
        let last = fit.clone().validation(0.0).fit(&x, &y).unwrap();
        assert!(last.notes().last().unwrap().contains("last epoch"), "{:?}", last.notes());
    }
}

/// The settings once more, as the documentation of [`Fit`] and of its methods has them.
#[test]
fn adam_runs_with_the_settings_that_the_documentation_states() {
    let (x, y) = data(90, positives_only);
    let fit = Fit::new("hill").seed(4).validation(0.0).fit(&x, &y).unwrap();

    let rows: Vec<u32> = (0..90).collect();
    let unit = Transform::fit(&Named::new("l2"), &x, &rows).unwrap().apply(&x);
    let train = TrainSet::new(&unit, &y, &rows);
    let training = Training {
        lr: 1e-2,
        schedule: Named::new("one-cycle"),
        optimizer: Named::new("adamw").set("weight_decay", 1e-4),
        batch: 32,
        last_batch: LastBatch::Drop,
        epochs: 50,
        no_decay: vec!["bias".to_string()],
        ..Training::default()
    };
    let evaluation = Evaluation { select: "last".to_string(), ..Evaluation::default() };
    let loss = LossChoice::new("hill", Options::default(), &train).unwrap();
    let mut run = Run::new(Data::new(train), &training, &evaluation, loss, 4).unwrap();
    while !run.is_done() {
        run.epoch().unwrap();
    }
    assert_eq!(fit.weights(), run.finish().unwrap().weights);
}

#[test]
fn labels_without_anything_to_learn_are_refused_and_lonely_classes_are_named() {
    let (x, _) = data(20, |_, _, _| U);
    let refused = |cell: fn(usize, usize, bool) -> Label| {
        let (_, y) = data(20, cell);
        match Fit::new("auto").fit(&x, &y).unwrap_err() {
            TrainError::Labels(problem) => problem,
            other => panic!("{other}"),
        }
    };
    assert_eq!(refused(|_, _, _| U), "every label is unknown");
    assert_eq!(refused(|_, _, _| N), "no label is positive");
    assert_eq!(refused(|_, _, _| P), "every label is positive, and no cell is unknown");
    let (_, y) = data(20, positives_only);
    let lacking = Fit::new("bce").fit(&x, &y).unwrap_err();
    assert!(
        matches!(&lacking, TrainError::Labels(problem) if problem.contains("known negatives")),
        "{lacking}"
    );
    let (_, y) = data(20, |row, class, positive| match class {
        0 => N,
        1 => {
            if positive {
                P
            } else {
                U
            }
        }
        _ => third_unknown(row, class, positive),
    });
    let notes = Fit::new("auto").fit(&x, &y).unwrap().notes().join("\n");
    assert!(
        notes.contains("1 class has no positive") && notes.contains("1 class has no known negative"),
        "{notes}"
    );
}

#[test]
fn settings_and_sizes_that_do_not_fit_are_refused() {
    let (x, y) = data(20, third_unknown);
    let (short, _) = data(19, third_unknown);
    let fit = || Fit::new("bce");
    let rows = fit().fit(&short, &y).unwrap_err();
    assert!(matches!(&rows, TrainError::Rows(problem) if problem.contains("19 rows")), "{rows}");
    for wrong in [
        fit().validation(1.0),
        fit().validation(f64::NAN),
        fit().weight_decay(-1.0),
        fit().epochs(0),
        fit().head(Head::Cnn(crate::CnnSpec { image: None, channels: vec![4] })),
        fit().head(Head::Mlp(MlpSpec::plain(vec![]))),
        fit().head(Head::Mlp(MlpSpec::plain(vec![4]))).batch(0),
        fit().head(Head::Mlp(MlpSpec::plain(vec![4]))).learning_rate(-1.0),
        fit().transform(Named::new("whitening")),
    ] {
        let refused = wrong.fit(&x, &y).unwrap_err();
        assert!(matches!(refused, TrainError::Setting(_)), "{refused}");
    }
    assert!(matches!(Fit::new("bec").fit(&x, &y).unwrap_err(), TrainError::Loss(_)));
    assert!(matches!(Fit::new("bce").parameter("gamma", 1.0).fit(&x, &y).unwrap_err(), TrainError::Loss(_)));
    let wide =
        Features::new(20, 1, (0..20).map(|i| if i == 0 { f32::MAX } else { -f32::MAX }).collect()).unwrap();
    assert!(fit().fit(&wide, &y).is_err());
}

#[test]
fn every_loss_that_the_labels_allow_trains_or_says_why_not() {
    let (x, y) = data(60, third_unknown);
    for row in LOSSES {
        let fit = Fit::new(row.info.name).epochs(2);
        let fit = match row.info.param("expected_positives") {
            Some(_) => fit.parameter("expected_positives", 1.2),
            None => fit,
        };
        match fit.fit(&x, &y) {
            Ok(model) => assert!(model.predict(&x).is_ok(), "{}", row.info.name),
            Err(error) => assert!(!error.to_string().is_empty(), "{}", row.info.name),
        }
    }
    assert!(SMOOTH.iter().all(|name| lacuna_losses::find(name).is_ok()));
}

#[test]
fn negatives_that_answers_made_known_do_not_make_bce_the_choice() {
    // Answers about every tenth row, in each class.
    let answered = |row: usize, class: usize, positive: bool| match (row % 10, positive) {
        (0, true) => P,
        (0, false) => N,
        _ => positives_only(row, class, positive),
    };
    let (x, y) = data(400, answered);
    let model = Fit::new("auto").fit(&x, &y).unwrap();
    assert_eq!(model.trained_with().loss, "label-frequency");
    assert!(
        model.notes().iter().any(|note| note.contains("in only 0 of the 3 classes")),
        "{:?}",
        model.notes()
    );
    assert!(right(&model, &x) > 0.85, "{}", right(&model, &x));
    assert!(right(&Fit::new("bce").fit(&x, &y).unwrap(), &x) < right(&model, &x));
    // A class in which every cell is known needs no more negatives than it has.
    let (x, y) = data(100, |row, class, _| if row < 10 + class { N } else { P });
    assert_eq!(Fit::new("auto").fit(&x, &y).unwrap().trained_with().loss, "bce");
}

#[test]
fn a_few_known_negatives_in_one_class_do_not_make_bce_the_choice() {
    let few = |row: usize, class: usize, positive: bool| match (class, positive) {
        (0, false) if row < 20 => N,
        _ => positives_only(row, class, positive),
    };
    let (x, y) = data(100, few);
    let model = Fit::new("auto").fit(&x, &y).unwrap();
    assert_eq!(model.trained_with().loss, "label-frequency");
    assert!(model.notes().iter().any(|note| note.contains("1 of the 3 classes")), "{:?}", model.notes());
}
