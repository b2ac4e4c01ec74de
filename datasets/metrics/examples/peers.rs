//! Values and times of metrics of `scores.npy` and `labels.npy` in a folder, as JSON: what `benches/peers/metrics.py`
//! holds against scikit-learn. Without a folder it draws small ones.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what this program is for")]

use lacuna_formats::NpyArray;
use lacuna_labels::TrueLabels;
use lacuna_metrics::{
    Average, Confusions, MapConvention, OneSidedRows, RowRanking, Threshold, Undefined, mean_auroc,
    mean_average_precision,
};
use serde_json::{Map, Value, json};
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (truth, scores) = match std::env::args().nth(1) {
        Some(folder) => {
            let folder = Path::new(&folder);
            let (rows, classes, labels) = NpyArray::open(folder.join("labels.npy"))?.into_f32_matrix()?;
            let truth = TrueLabels::from_fn(rows, classes, |row, class| labels[row * classes + class] == 1.0);
            (truth, NpyArray::open(folder.join("scores.npy"))?.into_f32_matrix()?.2)
        }
        None => (
            TrueLabels::from_fn(200, 5, |row, class| (row * 7 + class) % 9 == 0),
            (0..1_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32).collect(),
        ),
    };
    let wide: Vec<f64> = scores.iter().map(|&score| score.into()).collect();
    let rows = || RowRanking::of(black_box(&scores), &truth, OneSidedRows::Perfect).unwrap();
    let mut out = Map::new();
    let mut measure = |name: &str, work: &dyn Fn() -> f64| {
        let mut seconds = Vec::new();
        let mut value = 0.0;
        for _ in 0..5 {
            let start = Instant::now();
            value = work();
            seconds.push(start.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        out.insert(name.to_string(), json!({ "value": value, "seconds": seconds[2] }));
    };
    measure("map f32", &|| {
        mean_average_precision(black_box(&scores), &truth, MapConvention::SPML).unwrap().map
    });
    measure("map f64", &|| {
        mean_average_precision(black_box(&wide), &truth, MapConvention::SPML).unwrap().map
    });
    measure("auroc", &|| mean_auroc(black_box(&scores), &truth, Undefined::Skip).unwrap());
    measure("f1 macro", &|| {
        let found = Confusions::at(Threshold::above(0.5), black_box(&scores), &truth).unwrap();
        found.f1(Average::Macro, Undefined::Zero)
    });
    measure("lrap", &|| rows().average_precision);
    measure("ranking loss", &|| rows().ranking_loss);
    measure("coverage", &|| rows().coverage);
    println!("{}", Value::Object(out));
    Ok(())
}
