//! Arguments and output that the commands on a trained head share.

use super::labelled::Labelled;
use super::screen;
use super::train::HELD_OUT;
use crate::{Head, JudgedRows, Model, Named};
use anyhow::{Context, bail};
use clap::Args;
use lacuna_formats::{Limits, read_names};
use lacuna_losses::{LossError, Suggestion};
use serde::Serialize;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A trained head, and how results are printed.
#[derive(Args, Clone, Debug)]
pub struct HeadArgs {
    /// Folder of the head, as `lacuna train` writes it
    #[arg(long, value_name = "DIR", default_value = "head")]
    pub model: PathBuf,
    /// How results are printed.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// How results are printed.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct PrintArgs {
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
    /// Prints no progress, and only the notes on what was read and on what changes the meaning of results
    #[arg(long, short)]
    pub quiet: bool,
}

/// Where a changed head goes.
#[derive(Args, Clone, Debug)]
pub struct SavedArgs {
    /// Folder for the changed head [default: the folder that it was read from]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replaces a head in the folder of --out
    #[arg(long)]
    pub force: bool,
}

impl HeadArgs {
    /// Reads the head.
    ///
    /// # Errors
    /// No folder, or one without a head.
    pub fn load(&self) -> anyhow::Result<Model> {
        self.print.apply();
        Model::load(&self.model).with_context(|| {
            let model = self.model.display();
            format!("--model {model}: no head could be read (`lacuna train` writes one)")
        })
    }

    /// The files of the head, which a command that reads it does not overwrite with something else.
    pub fn files(&self) -> [PathBuf; 2] {
        ["head.safetensors", "head.json"].map(|name| self.model.join(name))
    }
}

impl PrintArgs {
    /// Makes the screen as quiet as was asked.
    pub fn apply(&self) {
        screen::set_quiet(self.quiet);
    }

    /// Prints the text, or the value as JSON.
    ///
    /// # Errors
    /// As for [`screen::out`].
    pub fn show(&self, text: &str, value: &impl Serialize) -> anyhow::Result<()> {
        match self.json {
            true => screen::json(&(serde_json::to_string(value)? + "\n")),
            false => screen::out(text),
        }
    }
}

impl SavedArgs {
    /// Saves a head that came from `from`: there, where no other folder was named. Its weights and its description change
    /// together.
    ///
    /// # Errors
    /// Another head in the folder of `--out`, without `--force`.
    pub fn save(&self, model: &Model, from: &Path) -> anyhow::Result<PathBuf> {
        let folder = self.out.clone().unwrap_or_else(|| from.to_path_buf());
        is_folder(&folder)?;
        match self.force || self.out.is_none() {
            true => model.save_replacing(&folder)?,
            false => model.save(&folder)?,
        }
        Ok(folder)
    }
}

/// Refuses a file where a head is to be written.
pub(crate) fn is_folder(path: &Path) -> anyhow::Result<()> {
    match path.is_file() {
        true => bail!("--out {}: it is a file, and a head is a folder: name another path", path.display()),
        false => Ok(()),
    }
}

/// Refuses an unknown loss, and says where the known ones are where none is near.
pub(crate) fn known_loss(name: &str) -> anyhow::Result<()> {
    match lacuna_losses::find(name) {
        _ if name == "auto" => Ok(()),
        Ok(_) => Ok(()),
        Err(error @ LossError::UnknownLoss { suggestion: Suggestion::None, .. }) => {
            bail!("{error}; `repro losses list` shows all, and `auto` chooses one")
        }
        Err(error) => Err(error.into()),
    }
}

/// A warning where the rows are those that the head was trained on, or where these are among them: the rows that `train --val` kept out are in
/// `held_out.txt` beside the head, and others of the same data have trained.
pub(crate) fn warn_of_training_rows(model: &Model, folder: &Path, rows: &Labelled) {
    let all = crate::Fingerprints::of_features(&rows.features) == model.trained_with().fingerprints.features;
    let held_out = || read_names(&folder.join(HELD_OUT), &Limits::default()).ok();
    let others = || {
        let (held_out, names) = (held_out()?, rows.names.as_ref()?);
        let names: HashSet<&str> = names.iter().collect();
        (names.len() > held_out.len() && held_out.iter().all(|name| names.contains(name)))
            .then_some(held_out.len())
    };
    if let Some(held_out) = others().filter(|_| !all) {
        screen::err(&format!(
            "warning: {held_out} of these rows were kept out by `lacuna train --val`, and the others are those that the head was trained on, \
             of which it is surer than of new ones: name the first with --rows {}",
            folder.join(HELD_OUT).display()
        ));
    }
    if all {
        screen::err(
            "warning: these are the rows that the head was trained on, of which it is surer than of new ones: keep rows out \
             with `lacuna train --val 0.2` and name them with --rows DIR/held_out.txt",
        );
    }
}

/// Notes on standard error.
pub(crate) fn notes(notes: &[String]) {
    notes.iter().for_each(|note| screen::info(&format!("note: {note}")));
}

/// One line about the known cells.
pub(crate) fn known_cells(rows: &JudgedRows) -> String {
    let [positives, negatives, unknown] = rows.counts();
    format!(
        "{} rows, {} classes: {} known cells ({positives} positive, {negatives} negative), {unknown} unknown",
        rows.labels().rows(),
        rows.classes().len(),
        positives + negatives
    )
}

/// A number of a table, `-` where there is none.
pub(crate) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_string(), |value| format!("{value:.digits$}"))
}

/// A name in so many columns, shortened in its middle where it is longer: names of files differ at their ends.
pub(crate) fn fitted(name: &str, width: usize) -> String {
    let name = lacuna_formats::shown(name);
    let short: String = match name.chars().count() > width {
        true => {
            let (start, end) = ((width - 2).div_ceil(2), (width - 2) / 2);
            let rest = name.chars().count() - end;
            name.chars().take(start).chain("..".chars()).chain(name.chars().skip(rest)).collect()
        }
        false => name,
    };
    format!("{short:<width$}")
}

/// What a fit leaves open.
#[derive(Args, Clone, Debug)]
pub struct FitArgs {
    /// Sets a parameter of the loss, of each that has it, e.g. expected_positives=3; may be given several times
    #[arg(long, value_name = "P=V")]
    pub set: Vec<String>,
    /// linear, cosine, mlp:512 (hidden sizes by comma) or cnn:16,32 (channels; rows are pictures)
    #[arg(long, value_name = "HEAD", default_value = "linear")]
    pub head: Head,
    /// Transform of the features: none, l2, standardise, l2-standardise or pca:components=N [default: chosen]
    #[arg(long, value_name = "NAME")]
    pub transform: Option<Named>,
}

impl FitArgs {
    /// The parameters of `--set`.
    ///
    /// # Errors
    /// What is not NAME=NUMBER.
    pub fn parameters(&self) -> anyhow::Result<Vec<(String, f64)>> {
        let pair = |text: &String| {
            let pair =
                text.split_once('=').and_then(|(name, value)| Some((name, value.trim().parse().ok()?)));
            let (name, value): (&str, f64) =
                pair.with_context(|| format!("--set {text}: expected NAME=NUMBER"))?;
            Ok((name.trim().to_string(), value))
        };
        self.set.iter().map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(fitted("agricultural/agricultural05.jpg", 24), "agricultura..tural05.jpg");
        assert_eq!(fitted("a.jpg", 8), "a.jpg   ");
    }

    #[test]
    fn an_unknown_loss_says_where_the_known_ones_are() {
        let error = |name: &str| known_loss(name).unwrap_err().to_string();
        assert_eq!(error("hlil"), "there is no loss `hlil`; did you mean `hill`?");
        assert!(error("nosuch").contains("there is no loss `nosuch`; `repro losses list` shows all"));
        assert!(known_loss("auto").is_ok() && known_loss("bce").is_ok());
    }
}
