//! Corrected labels in a folder of their own; the data that was read stays as it is.

use crate::certified::{Change, apply};
use crate::cli::Outputs;
use crate::cli::labelled::Given;
use crate::{Label, ObservedLabels};
use anyhow::{Context, bail};
use lacuna_formats::{
    Contents, CsvLayout, Destination, FormatError, LabelSheet, NpyArray, NpyData, Strings, labels_csv_writer,
    push_name, write_atomic_all,
};
use std::path::{Path, PathBuf};

/// The files of the folder.
pub(super) struct Files {
    labels: PathBuf,
    /// Names of the rows, and the labels with all names, where rows have names.
    named: Option<[PathBuf; 2]>,
    diff: PathBuf,
}

impl Files {
    pub(super) fn new(folder: &Path, given: &Given) -> Self {
        let named = given.names.is_some().then(|| ["rows.txt", "labels.csv"].map(|name| folder.join(name)));
        Self { labels: folder.join("labels.npy"), named, diff: folder.join("diff.csv") }
    }

    /// Refuses what may not be written.
    pub(super) fn check(&self, outputs: &Outputs) -> anyhow::Result<()> {
        let named = self.named.iter().flatten().map(PathBuf::as_path);
        [&*self.labels, &self.diff].into_iter().chain(named).try_for_each(|path| outputs.to(path).map(drop))
    }

    /// Writes the labels with the rows and in the order of their file, and every change: all files or none. Returns what stands where.
    pub(super) fn write(
        &self,
        outputs: &Outputs,
        given: &Given,
        classes: &[String],
        changes: &[Change],
    ) -> anyhow::Result<String> {
        let mut changes = changes.to_vec();
        changes.iter_mut().for_each(|Change { cell, .. }| cell.label_row = given.row_of[cell.row_index]);
        let corrected = corrected(given, &changes)?;
        let text = diff(given, &changes);
        let cells = corrected.cells().iter().map(|&label| number(label)).collect();
        let array = NpyArray::new(vec![corrected.rows(), corrected.classes()], NpyData::I8(cells))?;
        let classes: Strings = classes.iter().collect();
        let mut files: Vec<(Destination<'_>, Contents<'_>)> = Vec::new();
        let mut says = "";
        if let (Some([path, table]), Some(names)) = (&self.named, &given.names) {
            // A line is a name.
            let lines: String = names.iter().map(|name| name.replace(['\n', '\r'], " ") + "\n").collect();
            files.push((outputs.to(path)?, Box::new(move |file| file.write_all(lines.as_bytes()))));
            let sheet = LabelSheet { names, classes: &classes, labels: corrected.matrix() };
            says = match labels_csv_writer(table, sheet, CsvLayout::Wide) {
                Ok(write) => {
                    files.push((outputs.to(table)?, Box::new(write)));
                    "; rows.txt names them, and labels.csv has the labels with the names of rows and classes"
                }
                // Names that a table cannot hold, because they begin with blanks or occur twice.
                Err(FormatError::Unwritable { problem, .. }) => {
                    if std::fs::symlink_metadata(table).is_ok() {
                        bail!(
                            "{}: it would be left beside labels that it does not belong to, because it cannot be written anew \
                             ({problem}): name another folder",
                            table.display()
                        );
                    }
                    "; rows.txt names them"
                }
                Err(error) => return Err(error.into()),
            };
        }
        files.push((outputs.to(&self.diff)?, Box::new(|file| file.write_all(text.as_bytes()))));
        // Whoever reads the folder reads these, and a crash leaves all files or not the last.
        files.push((outputs.to(&self.labels)?, Box::new(|file| array.write_to(file))));
        let folder = self.labels.parent().unwrap_or(Path::new(""));
        let made = std::fs::symlink_metadata(folder).is_err();
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let written = write_atomic_all(files);
        if written.is_err() && made {
            // Fails if the folder is not empty.
            let _ = std::fs::remove_dir(folder);
        }
        written?;
        let (rows, without) =
            (given.observed.rows(), given.observed.rows().saturating_sub(given.row_of.len()));
        Ok(format!(
            "labels.npy has the {rows} rows of {} in the order of that file{}{}",
            given.path.display(),
            match without {
                0 => String::new(),
                1 => ", 1 of which was not audited and has the labels that it had".to_string(),
                _ => format!(", {without} of which were not audited and have the labels that they had"),
            },
            says
        ))
    }
}

/// The number of a label, in files.
fn number(label: Label) -> i8 {
    label as i8
}

/// The labels of the file with the changes, whose rows are those of the file.
fn corrected(given: &Given, changes: &[Change]) -> anyhow::Result<ObservedLabels> {
    if let Some(Change { cell, .. }) =
        changes.iter().find(|change| change.cell.class_index >= given.observed.classes())
    {
        bail!(
            "{}: it does not have the class `{}`, which a label was added of",
            given.path.display(),
            lacuna_formats::shown(&cell.class)
        );
    }
    Ok(apply(&given.observed, changes))
}

/// A line for each change; rows are those of `labels.npy`.
fn diff(given: &Given, changes: &[Change]) -> String {
    let mut text = String::from("rank,row,class,row_index,class_index,old,new,answered\n");
    for Change { cell, rank, label, answered } in changes {
        let row = cell.label_row;
        text += &format!("{},", rank + 1);
        push_name(&mut text, given.names.as_ref().map_or(&*cell.row, |names| &names[row]), ',');
        text.push(',');
        push_name(&mut text, &cell.class, ',');
        let (old, new) = (number(cell.label), number(*label));
        text += &format!(",{row},{},{old},{new},{answered}\n", cell.class_index);
    }
    text
}
