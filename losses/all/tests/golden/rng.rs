//! `numpy_legacy_rng`: the random stream behind the published masks and splits.

use crate::case::Case;
use lacuna_labels::TrueLabels;
use lacuna_protocols::{Holdout, KnownCells, NumpyLegacy, SinglePositive};

pub(crate) fn numpy_legacy_rng(case: &Case) -> Result<(), String> {
    let seed = case.number("params", "seed")? as u32;
    let floats = |values: &[usize]| values.iter().map(|&v| v as f64).collect::<Vec<f64>>();

    let mut rng = NumpyLegacy::new(seed);
    let draws: Vec<f64> =
        (0..case.numbers("outputs", "random_sample")?.len()).map(|_| rng.random_sample()).collect();
    case.check("random_sample", &draws)?;

    // The names of the outputs say what was drawn: permutation17_then_5, shuffles_of_1_2_3_5_8,
    // split23_frac0p2_train and split23_frac0p2_val.
    for output in case.outputs() {
        let mut rng = NumpyLegacy::new(seed);
        if let Some(sizes) = output.strip_prefix("permutation") {
            let orders = sizes.split("_then_").map(|n| Ok(rng.permutation(whole(n)?)));
            let orders: Vec<Vec<usize>> = orders.collect::<Result<_, String>>()?;
            case.check(output, &floats(&orders.concat()))?;
        } else if let Some(sizes) = output.strip_prefix("shuffles_of_") {
            let mut shuffled = Vec::new();
            for n in sizes.split('_') {
                let mut values: Vec<usize> = (10..10 + whole(n)?).collect();
                rng.shuffle(&mut values);
                shuffled.extend(values);
            }
            case.check(output, &floats(&shuffled))?;
        } else if let Some((rows, rest)) = output.strip_prefix("split").and_then(|o| o.split_once("_frac")) {
            let (share, part) = rest.split_once('_').ok_or_else(|| format!("{output}: which part?"))?;
            let val_share = share.replace('p', ".").parse().map_err(|_| format!("{share} is no share"))?;
            let split = Holdout { val_share, seed }.split(whole(rows)?).map_err(|e| e.to_string())?;
            case.check(output, &floats(if part == "val" { &split.val } else { &split.train }))?;
        }
    }

    let labels = case.matrix("inputs", "labels")?;
    let at = |row: usize, class: usize| labels.data[row * labels.columns + class] == 1.0;
    let truth = TrueLabels::from_fn(labels.rows, labels.columns, at);
    let observed = SinglePositive { positives: 1, negatives: 0, seed }.apply(&truth);
    let flags: Vec<f64> = observed.cells().iter().map(|l| f64::from(u8::from(l.is_positive()))).collect();
    case.check("single_positive_observed", &flags)?;

    let known = case.number("inputs", "keep_proportion")?;
    let masked = KnownCells { known, seed }.apply(&truth).map_err(|e| e.to_string())?;
    let flags: Vec<f64> = masked.cells().iter().map(|l| f64::from(u8::from(l.is_known()))).collect();
    case.check("known_mask", &flags)
}

fn whole(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{text} is no number of entries"))
}
