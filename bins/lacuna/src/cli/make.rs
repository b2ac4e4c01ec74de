//! `lacuna make`: writes an embedded set as a folder in SPML layout.

use super::{Outputs, screen};
use anyhow::{Context, bail};
use clap::Args;
use lacuna_formats::{Contents, NpyArray, NpyData, write_atomic_all};
use lacuna_labels::FeatureSet;
use lacuna_synthetic::{DEFAULT_SEED, SETS, SetEntry, SetSize, synthetic_set};
use std::path::{Path, PathBuf};

/// Writes an embedded synthetic set, in any size, as a folder in SPML layout
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct MakeArgs {
    /// Name of the set, e.g. voc-like, coco-like, voc-mlt-like
    name: String,
    /// Training rows; of a long-tailed set, rows of the pool they are chosen from [default: that of the set]
    #[arg(long, value_name = "N")]
    train_rows: Option<usize>,
    /// Test rows
    #[arg(long, value_name = "N")]
    test_rows: Option<usize>,
    /// Features of a row
    #[arg(long, value_name = "N")]
    features: Option<usize>,
    /// Seed
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    seed: u64,
    /// Folder to write to; created if it does not exist, and an error if it has such files
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replaces existing files
    #[arg(long)]
    force: bool,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  lacuna make voc-like --out voc/
  lacuna make coco-like --train-rows 2000 --test-rows 500 --out coco/

Exit codes: 0 done, 2 invalid command line, or a folder that has such files.";

/// Most numbers of a part: 16 GiB of features.
const MOST: usize = 1 << 32;

/// Makes and writes.
///
/// # Errors
/// An unknown set, an invalid size, or an error of the file system.
pub fn run(args: &MakeArgs) -> anyhow::Result<()> {
    let Some(entry) = synthetic_set(&args.name) else {
        let names: Vec<&str> = SETS.iter().map(|set| set.name).collect();
        bail!("unknown embedded set {}, expected one of {}", args.name, names.join(", "));
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
            bail!("{option} {value}: expected at least {least}, and at most {MOST} numbers in a part");
        }
    }
    let made = std::fs::symlink_metadata(&args.out).is_err();
    std::fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    let written = write(args, entry, size);
    if written.is_err() && made {
        // Fails if the folder is not empty.
        let _ = std::fs::remove_dir(&args.out);
    }
    let text = written?;
    if args.json {
        let value = serde_json::json!({
            "out": args.out, "name": entry.name, "train_rows": size.train, "test_rows": size.test,
            "features": size.columns, "seed": args.seed, "caveat": entry.caveat,
        });
        return screen::json(&(value.to_string() + "\n"));
    }
    screen::out(&(screen::wrapped(&text, 2) + "\n"))
}

/// Writes all files; returns a description of them.
fn write(args: &MakeArgs, entry: &SetEntry, size: SetSize) -> anyhow::Result<String> {
    // All files before any of them: a folder that is half of one set and half of another is worth nothing.
    let outputs = Outputs::new(args.force, Vec::new());
    for name in ["train", "val"].iter().flat_map(|part| part_files(part)).chain([CLASSES.to_string()]) {
        outputs.to(&args.out.join(name))?;
    }
    let set = entry.build_sized(args.seed, size);
    let lines = set.train.classes.join("\n") + "\n";
    let mut files: Vec<(PathBuf, Contents<'_>)> =
        vec![(args.out.join(CLASSES), Box::new(move |file| file.write_all(lines.as_bytes())))];
    files.extend(of_part(&args.out, "val", &set.test)?);
    // The last ones are the labels to train on, without which no reader takes the folder for a set.
    files.extend(of_part(&args.out, "train", &set.train)?);
    let (paths, contents): (Vec<PathBuf>, Vec<Contents<'_>>) = files.into_iter().unzip();
    let named = paths.iter().zip(contents).map(|(path, contents)| Ok((outputs.to(path)?, contents)));
    write_atomic_all(named.collect::<anyhow::Result<_>>()?)?;
    Ok(format!(
        "{}: {} + {} rows, {} features, {} classes, seed {}. {}",
        args.out.display(),
        set.train.rows(),
        set.test.rows(),
        set.train.features.columns(),
        set.train.classes.len(),
        args.seed,
        entry.caveat
    ))
}

const CLASSES: &str = "classes.txt";

/// The files of a part: features, names, labels.
fn part_files(part: &str) -> [String; 3] {
    [
        format!("{part}_features_synthetic.npy"),
        format!("formatted_{part}_images.npy"),
        format!("formatted_{part}_labels.npy"),
    ]
}

/// The files of a part and what they have.
fn of_part(folder: &Path, part: &str, set: &FeatureSet) -> anyhow::Result<Vec<(PathBuf, Contents<'static>)>> {
    let (rows, columns, classes) = (set.rows(), set.features.columns(), set.truth.classes());
    let names = set.names.clone().unwrap_or_default();
    let cells = set.truth.cells().iter().map(|label| i8::from(label.is_positive())).collect();
    let arrays = [
        NpyArray::new(vec![rows, columns], NpyData::F32(set.features.values().to_vec()))?,
        NpyArray::new(vec![rows], NpyData::Text(names.into()))?,
        NpyArray::new(vec![rows, classes], NpyData::I8(cells))?,
    ];
    let file = |(name, array): (String, NpyArray)| -> (PathBuf, Contents<'static>) {
        (folder.join(name), Box::new(move |file| array.write_to(file)))
    };
    Ok(part_files(part).into_iter().zip(arrays).map(file).collect())
}
