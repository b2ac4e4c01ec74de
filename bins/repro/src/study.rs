//! `repro study`: every row with every setting of its grid on several masks, and what the runs say about claims and causes.

use crate::cli::StudyArgs;
use crate::signals::Signals;
use crate::{jobs, verdicts, view};
use anyhow::{Context, bail};
use lacuna::cli::screen::{self, wrapped};
use lacuna::cli::{Outputs, exit};
use lacuna_formats::{shown, write_atomic};
use lacuna_harness::{Cells, Study, StudyLine, StudyOptions, StudyRecord};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Name of the record in the folder of a study.
pub(crate) const RECORD: &str = "study.jsonl";

/// Runs a study, keeps its record and shows it.
pub(crate) fn command(args: &StudyArgs) -> anyhow::Result<i32> {
    screen::set_quiet(args.quiet);
    let mut spec = crate::specs::find_variant(&args.name, args.variant.as_deref())?;
    // The command line has the last word, before what differs on the set of data.
    if !args.masks.is_empty() {
        spec.study.get_or_insert_default().masks.clone_from(&args.masks);
        spec.variants.iter_mut().for_each(|variant| drop(variant.study.remove("masks")));
    }
    if let Some(inits) = args.inits {
        spec.study.get_or_insert_default().inits = inits;
        spec.variants.iter_mut().for_each(|variant| drop(variant.study.remove("inits")));
    }
    spec.check()?;
    let study = Study::new(&spec, &args.overrides()?, args.resamples)?;
    args.record.as_deref().map_or(Ok(()), |file| replaceable(file, &study))?;
    let signals = Signals::new()?;
    let (_, first) = study.plans().next().expect("a study has a mask");
    let folder = match &args.out {
        Some(folder) => folder.clone(),
        None => PathBuf::from("runs")
            .join(format!("{}-study", crate::folder_name(&spec.name, &first.data().name))),
    };
    screen::info(&format!(
        "{} on {}: {} runs for {} masks, {} at a time",
        spec.name,
        shown(&first.data().name),
        study.runs(),
        study.plans().count(),
        jobs(args.jobs)
    ));
    first.conventions().iter().for_each(|line| screen::info(&wrapped(&format!("  {line}"), 4)));
    first.notes().iter().for_each(|note| screen::err(&format!("note: {note}")));
    view::findings(first);
    let bar = view::Progress::of(study.epochs());
    let options = StudyOptions {
        jobs: jobs(args.jobs),
        stop: &signals.stop,
        checkpoint_every: Duration::from_secs(60),
    };
    let start = Instant::now();
    let record = study.run(&folder, options, &|event| bar.show(event))?;
    bar.finish();
    let Some(record) = record else {
        screen::err(&format!("interrupted: the same command goes on in {}", folder.display()));
        return Ok(signals.code());
    };
    let text = record.to_lines();
    let outputs = Outputs::new(true, Vec::new());
    for path in std::iter::once(folder.join(RECORD)).chain(args.record.clone()) {
        let write = |file: &mut dyn Write| file.write_all(text.as_bytes());
        write_atomic(outputs.to(&path)?, write).with_context(|| path.display().to_string())?;
    }
    if args.json {
        screen::json(&text)?;
    } else {
        screen::out(&page(&spec, &record, start.elapsed(), &folder))?;
    }
    Ok(if record.rows.iter().all(|row| row.failed.is_empty()) { exit::DONE } else { exit::FOUND })
}

/// Refuses a file for the record that is anything but a record of the same benchmark on the same data, before runs are made for it.
fn replaceable(file: &Path, study: &Study) -> anyhow::Result<()> {
    let within = || file.display().to_string();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::metadata(folder).with_context(|| folder.display().to_string())?;
    if std::fs::symlink_metadata(file).is_err() {
        return Ok(());
    }
    let text = std::fs::read_to_string(file).with_context(within)?;
    let head = text.lines().next().and_then(|line| serde_json::from_str::<StudyLine>(line).ok());
    let (benchmark, data) = study.identity();
    match head {
        Some(StudyLine::Study(head)) if head.benchmark == benchmark && head.data == data => Ok(()),
        Some(StudyLine::Study(head)) => bail!(
            "{}: it is the record of {} on {}, and is not replaced by one of {benchmark} on {}: name another file",
            within(),
            shown(&head.benchmark),
            shown(&head.data),
            shown(data)
        ),
        _ => bail!("{}: it is not a record of a study, so it is not replaced: name another file", within()),
    }
}

/// Refuses the folder of a study that has not ended, in place of one with results.
pub(crate) fn refuse_unfinished(folder: &Path) -> anyhow::Result<()> {
    let of_mask = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("mask-");
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(of_mask))) {
        bail!(
            "{}: a study that has not ended: the same `repro study` command with this folder continues it",
            folder.display()
        );
    }
    Ok(())
}

/// Tables of rows, claims and causes.
fn page(spec: &lacuna_harness::Spec, record: &StudyRecord, time: Duration, folder: &Path) -> String {
    let mut text = String::new();
    for Cells { header, rows, numbers, notes } in verdicts::tables(spec, record, verdicts::Sources::Left) {
        if rows.is_empty() {
            continue;
        }
        // Numbers must not break in the middle: the table may be wider than a page.
        let mut table = view::grid(header, rows, numbers);
        table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
        text.push_str(&format!("{table}\n"));
        notes.iter().for_each(|note| text.push_str(&format!("{}\n", wrapped(note, 2))));
    }
    record.head.conventions.iter().chain(&record.head.caveat).for_each(|line| {
        text.push_str(&format!("{}\n", wrapped(line, 2)));
    });
    let (runs, seconds) = (record.head.runs, time.as_secs_f64());
    text + &format!("{runs} runs in {seconds:.1} s\nrecord: {}\n", folder.join(RECORD).display())
}
