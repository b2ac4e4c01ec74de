//! The same weights and metrics for any number of threads, in every repetition, in vectors of any width.

use crate::{repro, results, save, write_rows};
use lacuna_formats::NpyData;
use lacuna_losses::LOSSES;
use std::fs;

/// Every row of the table of losses, each with the procedure that serves it. (Procedures have a test of their own in
/// `bins/train/tests/train/unchanged.rs`.)
#[test]
fn every_loss_has_the_same_bits_for_any_number_of_threads_and_in_vectors_of_any_width() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    write_rows(&data, [60, 30]);
    // Every row has a positive, which some losses need.
    for (part, rows) in [("train", 60), ("val", 30)] {
        let labels = (0..rows * 4).map(|i| u8::from(i % 4 == i / 4 % 4 || i % 7 == 0)).collect();
        save(&data, &format!("formatted_{part}_labels.npy"), &[rows, 4], NpyData::U8(labels));
    }
    // Branches for head and tail classes are cosines.
    let (cosine, linear): (Vec<&str>, Vec<&str>) =
        LOSSES.iter().map(|row| row.info.name).partition(|name| *name == "htb");
    let mut runs = 0;
    for (head, losses) in [("linear", linear.join(",")), ("cosine", cosine.join(","))] {
        let out = dir.path().join("out");
        let run = |jobs: &str, simd: Option<&str>| {
            let _ = fs::remove_dir_all(&out);
            let head = format!("training.head={head}");
            let args =
                ["run", "spml-linear", "--data", "data", "--loss", &losses, "--set", &head, "--batch", "8"];
            let more = ["--epochs", "2", "--seeds", "1", "--jobs", jobs, "--out", "out"];
            let mut command = repro(dir.path());
            command.args(args).args(more).env("RAYON_NUM_THREADS", jobs).env_remove("LACUNA_SIMD");
            if let Some(level) = simd {
                command.env("LACUNA_SIMD", level);
            }
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            // They have the digest of the weights and every metric.
            let results = results(&out);
            assert!(
                results.iter().all(|result| result["weights"].as_str().is_some_and(|hash| hash.len() == 64))
            );
            results
        };
        let first = run("1", None);
        assert_eq!(first.len(), losses.split(',').count());
        for jobs in ["1", "2", "3", "4", "8"] {
            for simd in [None, Some("avx2")] {
                for repeat in 0..3 {
                    assert_eq!(run(jobs, simd), first, "{jobs} threads, {simd:?}, repetition {repeat}");
                    runs += 1;
                }
            }
        }
    }
    println!("{} losses, {runs} runs of the program with equal results", LOSSES.len());
}
