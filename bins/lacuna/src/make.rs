//! `lacuna make`: writes an embedded set as a folder in SPML layout.

use crate::out;
use anyhow::{Context, bail};
use clap::Args;
use lacuna_formats::{NpyArray, NpyData, write_atomic};
use lacuna_labels::FeatureSet;
use lacuna_synthetic::{DEFAULT_SEED, SETS, SetSize, synthetic_set};
use std::path::{Path, PathBuf};

/// Writes an embedded synthetic set, in any size, as a folder in SPML layout
#[derive(Args, Debug)]
pub struct MakeArgs {
    /// Name of the set, e.g. voc-like, coco-like, voc-mlt-like
    name: String,
    /// Rows to train on; of a long-tailed set, rows of the pool they are chosen from [default: that of the set]
    #[arg(long, value_name = "N")]
    train_rows: Option<usize>,
    /// Rows to test on
    #[arg(long, value_name = "N")]
    test_rows: Option<usize>,
    /// Features of a row
    #[arg(long, value_name = "N")]
    features: Option<usize>,
    /// Seed
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    seed: u64,
    /// Folder to write to; made if it does not exist, and refused if it has such files
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Most numbers of a part: 16 GiB of features.
const MOST: usize = 1 << 32;

/// Makes and writes.
///
/// # Errors
/// An unknown set, a size of 0 or beyond any memory, what the file system refuses.
pub fn run(args: &MakeArgs) -> anyhow::Result<()> {
    let Some(entry) = synthetic_set(&args.name) else {
        let names: Vec<&str> = SETS.iter().map(|set| set.name).collect();
        bail!("there is no embedded set {}; there are {}", args.name, names.join(", "));
    };
    let size = SetSize {
        train: args.train_rows.unwrap_or(entry.size.train),
        test: args.test_rows.unwrap_or(entry.size.test),
        columns: args.features.unwrap_or(entry.size.columns),
    };
    for (option, value) in
        [("--train-rows", size.train), ("--test-rows", size.test), ("--features", size.columns)]
    {
        // Below this the thresholds of the labels have nothing to be fitted on.
        let least = if option == "--features" { 1 } else { 100 };
        if value < least || value.saturating_mul(size.columns.max(100)) > MOST {
            bail!("{option} {value}: from {least} on, and at most {MOST} numbers in a part");
        }
    }
    std::fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    if args.out.join("formatted_train_labels.npy").exists() {
        bail!("{} has a data set already", args.out.display());
    }
    let set = entry.build_sized(args.seed, size);
    write_part(&args.out, "val", &set.test)?;
    let classes = args.out.join("classes.txt");
    let lines = set.train.classes.join("\n") + "\n";
    write_atomic(&classes, |file| file.write_all(lines.as_bytes()))
        .with_context(|| classes.display().to_string())?;
    // The file that makes the folder a data set comes last.
    write_part(&args.out, "train", &set.train)?;
    out(&format!(
        "{}: {} + {} rows, {} features, {} classes, seed {}. {}\n",
        args.out.display(),
        set.train.rows(),
        set.test.rows(),
        set.train.features.columns(),
        set.train.classes.len(),
        args.seed,
        entry.caveat
    ))
}

fn write_part(folder: &Path, part: &str, set: &FeatureSet) -> anyhow::Result<()> {
    let (rows, columns) = (set.rows(), set.features.columns());
    let features = NpyArray::new(vec![rows, columns], NpyData::F32(set.features.values().to_vec()))?;
    features.save(&folder.join(format!("{part}_features_synthetic.npy")))?;
    let names = set.names.clone().unwrap_or_default();
    NpyArray::new(vec![rows], NpyData::Text(names.into()))?
        .save(&folder.join(format!("formatted_{part}_images.npy")))?;
    let labels = set.truth.cells().iter().map(|label| i8::from(label.is_positive())).collect();
    let labels = NpyArray::new(vec![rows, set.truth.classes()], NpyData::I8(labels))?;
    Ok(labels.save(&folder.join(format!("formatted_{part}_labels.npy")))?)
}
