//! The conventions that are printed with the numbers of a plan.

use super::{Plan, PlannedRow};
use crate::record::reduction_words;
use crate::{LossSpec, MaskSource, Stage, Unknown, ValRows};
use lacuna_losses::LabelNeeds;
use lacuna_train::{LastBatch, On, ResolvedProcedure, Rows, Start, Training};

impl Plan {
    /// Everything two people have to agree on to compare two numbers, one statement a line.
    pub fn conventions(&self) -> Vec<String> {
        let d = self.data();
        let absent = d.tested_classes().iter().filter(|tested| !**tested).count();
        let mut lines = self.shared_conventions().to_vec();
        lines[3] = format!("{}; {}", lines[3], self.seeds());
        lines.extend(self.procedures());
        for row in self
            .asked
            .iter()
            .filter(|row| row.training != toml::Table::new() || row.row.is_some() || !row.protocol.is_empty())
        {
            lines.extend(self.row_line(row));
        }
        if absent > 0 {
            lines.push(format!(
                "Classes without a test positive: {absent} of {}; they count as 0 in test mAP, and are left out of the \
                 mAP of the other {}",
                d.classes(),
                d.classes() - absent
            ));
        }
        lines.extend(self.empty_classes());
        let parameters = self.parameters();
        if !parameters.is_empty() {
            lines.push(format!("Parameters: {}", parameters.join(", ")));
        }
        lines
    }

    /// What all rows of the table share: data, labels, training, and metric without the number of runs.
    pub(crate) fn shared_conventions(&self) -> [String; 4] {
        let (t, p, d) = (&self.spec.training, &self.spec.protocol, self.data());
        let validating = match d.val {
            ValRows::Train => d.split.val.len(),
            ValRows::TestEnd(rows) => rows,
            ValRows::None => 0,
        };
        let split = match d.val {
            ValRows::Train if p.validation == crate::Validation::LeftOut => {
                "training rows that the protocol leaves out validate".to_string()
            }
            ValRows::Train => {
                format!("{:.0} % of the training rows validate (seed {})", 100.0 * p.val_share, p.split_seed)
            }
            ValRows::TestEnd(_) => {
                "the last rows of the test part validate and are not tested on".to_string()
            }
            ValRows::None => "no rows validate".to_string(),
        };
        [
            format!(
                "Data: {} training rows, {validating} to validate, {} to test, {} features {}, {} classes",
                d.split.train.len(),
                d.tested.len(),
                d.train.features.columns(),
                match t.transform.name.as_str() {
                    "none" => "as they are".to_string(),
                    _ => format!("after {}", t.transform),
                },
                d.classes()
            ),
            format!(
                "Labels: {}; split: {split}; k = {:.4} positives a row",
                self.mask(),
                d.expected_positives
            ),
            training_line(t),
            format!("Metric: {}", self.measured()),
        ]
    }

    /// Procedures that the settings do not name, and where their rows, views and layers come from; the rows of the table that have
    /// the same ones on one line.
    fn procedures(&self) -> Vec<String> {
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        for row in &self.rows {
            let Some(text) = procedure_of(row) else { continue };
            match lines.iter_mut().find(|(known, _)| *known == text) {
                Some((_, rows)) => rows.push(&row.name),
                None => lines.push((text, vec![&row.name])),
            }
        }
        let line = |(text, rows): (String, Vec<&str>)| match rows.len() == self.rows.len() {
            true => format!("Procedure: {text}"),
            false => format!("Procedure of {}: {text}", rows.join(", ")),
        };
        lines.into_iter().map(line).collect()
    }

    /// The measured metrics and the choice of the epoch.
    fn measured(&self) -> String {
        let evaluation = &self.spec.evaluation;
        let convention = |name: &String| match name.as_str() {
            "map" => format!("test mAP in percent, {}", lacuna_metrics::MapConvention::SPML),
            name => {
                let row = lacuna_train::metric(name);
                format!("{name} ({})", row.map(|row| row.convention).unwrap_or_default())
            }
        };
        let metrics: Vec<String> =
            evaluation.metrics.iter().filter(|name| *name != "map-present").map(convention).collect();
        let chosen = match (evaluation.select.as_str(), self.data().val, evaluation.on) {
            ("last", _, _) | (_, ValRows::None, _) => "of the last epoch".to_string(),
            (select, _, on) => format!(
                "at the epoch with the best validation {} on {} labels (the first of equals)",
                if select == "map" { "mAP" } else { select },
                if on == On::Complete { "true" } else { "observed" }
            ),
        };
        format!("{}, {chosen}", metrics.join(", "))
    }

    /// What a mean is over.
    fn seeds(&self) -> String {
        match self.spec.training.seeds {
            1 => "one seed of first weights and row order".to_string(),
            n => format!("mean ± standard deviation (ddof 0) over {n} seeds of first weights and row order"),
        }
    }

    /// The differences in the training of a row.
    fn row_line(&self, row: &LossSpec) -> Option<String> {
        let training = self.spec.training_of(row).ok()?;
        let line = training_line(&training);
        let differs = if training == self.spec.training { String::new() } else { format!(": {line}") };
        let loss = if row.row() == row.name { String::new() } else { format!(" is the loss {}", row.name) };
        let settings =
            |table: &toml::Table| table.to_string().trim().replace('\n', ", ").replace("[settings], ", "");
        let labels = match (row.labels, row.protocol.is_empty()) {
            (crate::LabelsSpec::Complete, _) => " on true labels".to_string(),
            (_, false) => format!(" with protocol {}", settings(&row.protocol)),
            _ => String::new(),
        };
        let said = [&loss, &labels, &differs].iter().any(|text| !text.is_empty());
        said.then(|| format!("Row {}{loss}{labels}{differs}", row.row()))
    }

    /// Which losses weigh by class frequency where some class has no positive to train on.
    fn empty_classes(&self) -> Option<String> {
        let by_frequency = self.rows.iter().filter(|row| row.choice.statistics.is_some());
        let losses: Vec<(&str, usize)> = by_frequency
            .map(|row| {
                let seen = self.data().labels(row.labels).select(&self.data().split.train);
                (row.name.as_str(), seen.positives_per_class().iter().filter(|n| **n == 0).count())
            })
            .filter(|(_, empty)| *empty > 0)
            .collect();
        let empty = losses.first()?.1;
        let names: Vec<&str> = losses.iter().map(|(name, _)| *name).collect();
        let word = if empty == 1 { "class has" } else { "classes have" };
        Some(format!(
            "Classes without a positive to train on: {empty} {word} none and count as often as the rarest in the weights \
             of {}",
            names.join(", ")
        ))
    }

    /// Where the observed labels come from, in words and numbers.
    pub(crate) fn mask(&self) -> String {
        let (p, d) = (&self.spec.protocol, self.data());
        let needs = self.rows.iter().map(|row| row.labels).find(|key| key.need != LabelNeeds::FullTruth);
        let counts = needs.map(|key| d.counts(key));
        let unknown = match p.unknown {
            Unknown::Unknown => "",
            Unknown::Negative => "; unknown ones are passed as negative",
        };
        let stage = match p.stage {
            Stage::BeforeSplit => "before the split",
            Stage::AfterSplit => "over the rows that train",
        };
        match (d.mask, counts) {
            (MaskSource::File, Some(counts)) => {
                format!("observed labels of the data itself, {counts}{unknown}")
            }
            (_, Some(_)) if p.name == "none" => "all true labels".to_string(),
            (_, Some(_)) if p.name == "single-positive" && p.settings.is_empty() => format!(
                "drawn from the true ones, one positive kept of each training row (seed {}), {stage}{unknown}",
                p.seed.unwrap_or(u64::from(lacuna_protocols::PUBLISHED_SEED))
            ),
            (_, Some(counts)) => {
                let row = lacuna_protocols::protocol(&p.name);
                let seed = p.seed.or(row.map(|row| row.seed)).unwrap_or_default();
                let settings: Vec<String> = row.map_or_else(Vec::new, |row| {
                    let values = p.values(row);
                    row.settings.iter().zip(values).map(|(s, value)| format!("{} {value}", s.name)).collect()
                });
                format!(
                    "drawn from the true ones by {} ({}; seed {seed}), {stage}, {counts}{unknown}",
                    p.name,
                    settings.join(", ")
                )
            }
            (_, None) => "all true labels".to_string(),
        }
    }

    /// Losses with parameters that differ from their defaults, `splc.tau = 0.65`.
    fn parameters(&self) -> Vec<String> {
        let of = |loss: &LossSpec| -> Vec<String> {
            loss.params.iter().map(|(name, value)| format!("{}.{name} = {value}", loss.row())).collect()
        };
        self.asked.iter().flat_map(of).collect()
    }

    /// The conventions of one row as one line: the labels it sees and its parameters included.
    pub(super) fn conventions_of(&self, row: &PlannedRow) -> String {
        let mut lines = self.conventions();
        let others = ["Parameters", "Row ", "Procedure"];
        lines.retain(|line| !others.iter().any(|start| line.starts_with(start)));
        lines.extend(procedure_of(row).map(|text| format!("Procedure: {text}")));
        if let Some(asked) = self.asked.iter().find(|asked| asked.row() == row.name) {
            lines.extend(self.row_line(asked));
        }
        lines.push(format!("{} sees {}", row.name, self.data().counts(row.labels)));
        for (name, value) in &row.choice.options.params {
            lines.push(format!("{name} = {value}"));
        }
        lines.join(". ")
    }
}

/// The procedure of a row, phase by phase, where the settings do not say everything about it.
fn procedure_of(row: &PlannedRow) -> Option<String> {
    let phases = row.training.phases().unwrap_or_default();
    let chosen = phases.iter().zip(&row.procedures);
    let said = |(phase, of): (&Training, &ResolvedProcedure)| {
        of.fact.is_some() || (phase.procedure.name == "auto" && of.name != "plain")
    };
    if !chosen.clone().any(said) {
        return None;
    }
    let text = |(i, of): (usize, &ResolvedProcedure)| {
        let fact = of.fact.as_ref().map_or_else(String::new, |fact| format!(", {fact}"));
        let phase = if phases.len() > 1 { format!("phase {}: ", i + 1) } else { String::new() };
        format!("{phase}{}{fact}", of.name)
    };
    Some(row.procedures.iter().enumerate().map(text).collect::<Vec<_>>().join("; "))
}

/// Procedure, head, optimiser and effort as one statement.
fn training_line(t: &Training) -> String {
    let plural = |n: u64, one: &str| if n == 1 { format!("{n} {one}") } else { format!("{n} {one}s") };
    let phases = t.phases().unwrap_or_default();
    let phase = |p: &Training| {
        let reduction = reduction_words(p.reduction().ok().flatten());
        let mut parts = vec![format!("{} head", p.head)];
        if p.procedure.name != "auto" {
            parts.push(format!("procedure {}", p.procedure));
        }
        let optimizer = p.optimizer.to_string();
        let names = [("adamw", "AdamW"), ("adam", "Adam"), ("sgd", "SGD"), ("lbfgs", "L-BFGS")];
        let named =
            names.iter().find_map(|(key, name)| Some(format!("{name}{}", optimizer.strip_prefix(key)?)));
        let optimizer = named.unwrap_or(optimizer);
        if p.optimizer.name == "lbfgs" {
            parts.push(format!("{optimizer} over all rows, an iteration an epoch"));
        } else {
            parts.push(format!("{optimizer} lr {}", p.lr));
        }
        if p.schedule.name != "constant" {
            parts.push(format!("schedule {}", p.schedule));
        }
        if p.sampler.name != "shuffled" {
            parts.push(format!("sampler {}", p.sampler));
        }
        let rows = if p.rows == Rows::Labelled { ", labelled rows only" } else { "" };
        let last = match p.last_batch {
            LastBatch::Drop => "dropped",
            LastBatch::Keep => "kept",
        };
        match p.optimizer.name.as_str() {
            "lbfgs" => parts.extend((!rows.is_empty()).then(|| rows[2..].to_string())),
            _ => parts.push(format!("batch {} (last incomplete batch {last}){rows}", p.batch)),
        }
        for group in &p.groups {
            let mut own = vec![format!("lr x {}", group.lr_factor)];
            own.extend(group.weight_decay.map(|decay| format!("weight_decay {decay}")));
            own.extend(group.schedule.as_ref().map(|schedule| format!("schedule {schedule}")));
            parts.push(format!("parameters `{}`: {}", group.matches, own.join(" and ")));
        }
        let start = match p.start {
            Start::Fresh => None,
            Start::Last => Some("last"),
            Start::Best => Some("best"),
            Start::Averaged => Some("averaged"),
        };
        parts.extend(start.map(|start| format!("from the {start} weights of the phase before")));
        if let Some(ema) = p.ema {
            parts.push(format!("weights averaged with decay {ema}"));
        }
        if let Some(clip) = p.clip {
            parts.push(format!("gradient norm at most {clip}"));
        }
        if !p.no_decay.is_empty() {
            parts.push(format!("no weight decay on {}", p.no_decay.join(", ")));
        }
        parts.push(plural(p.epochs as u64, "epoch"));
        format!("{}, loss reduction {reduction}", parts.join(", "))
    };
    match &phases[..] {
        [one] => format!("Training: {}", phase(one)),
        several => {
            let lines: Vec<String> =
                several.iter().enumerate().map(|(i, p)| format!("phase {}: {}", i + 1, phase(p))).collect();
            format!("Training: {}", lines.join("; "))
        }
    }
}
