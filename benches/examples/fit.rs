//! Seconds of `Fit::fit` on arrays of NumPy, for `benches/peers/classifier.py`, which measures the same through Python.
//!
//! ```text
//! fit X.npy Y.npy FOLDER ROUNDS LOSS [EPOCHS]
//! ```
//! Y has 1, 0 for unknown and -1. Waits for a line on standard input before each fit, prints its seconds, and writes the last head
//! into FOLDER.
#![allow(clippy::print_stdout, reason = "what it is for")]

use lacuna_formats::{NpyArray, NpyData};
use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
use lacuna_train::Fit;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    lacuna_kernels::cpu::check_or_exit();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [x, y, folder, rounds, loss, epochs @ ..] = &arguments[..] else {
        return Err("expected X.npy Y.npy FOLDER ROUNDS LOSS [EPOCHS]".into());
    };
    let x = NpyArray::open(Path::new(x))?;
    let (rows, columns) = (x.shape()[0], x.shape()[1]);
    let NpyData::F32(values) = x.into_data() else { return Err("features of 32 bits".into()) };
    let x = Features::new(rows, columns, values)?;
    let y = NpyArray::open(Path::new(y))?;
    let classes = y.shape()[1];
    let NpyData::I8(codes) = y.into_data() else { return Err("labels of 8 bits".into()) };
    let label = |code: i8| match code {
        1 => Label::Positive,
        -1 => Label::Negative,
        _ => Label::Unknown,
    };
    let y: ObservedLabels = LabelMatrix::new(rows, classes, codes.into_iter().map(label).collect())?.into();
    let mut fit = Fit::new(loss);
    if let Some(epochs) = epochs.first() {
        fit = fit.epochs(epochs.parse()?);
    }
    let mut line = String::new();
    for _ in 0..rounds.parse::<usize>()? {
        std::io::stdin().read_line(&mut line)?;
        let start = Instant::now();
        let model = fit.fit(&x, &y)?;
        println!("{}", start.elapsed().as_secs_f64());
        model.save_replacing(folder)?;
    }
    Ok(())
}
