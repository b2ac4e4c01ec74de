//! Feeds: a sampler and a batch size for each branch of a procedure.

use crate::named::{NamedRow, SettingInfo, Values, setting};
use crate::{Named, StateError, TrainError, TrainSet};
use lacuna_labels::{Label, LabelMatrix};
use lacuna_losses::{Interval, StateEntry};
use lacuna_protocols::Stream;
use lacuna_protocols::samplers::{self, BlockShuffle, ClassAware, ClassAwareCycles};

/// Which rows a feed draws from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pool {
    /// All rows that train.
    #[default]
    All,
    /// Rows with at least one known label.
    Labelled,
    /// Rows without any.
    Unlabelled,
}

/// A stream of batches.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    /// The order of the rows: a row of [`SAMPLERS`].
    pub sampler: Named,
    /// The rows.
    pub pool: Pool,
    /// Rows of a batch.
    pub batch: usize,
    /// Whether the last batch of an epoch is used where it is not full.
    pub keep_last: bool,
}

/// One row of [`SAMPLERS`].
#[derive(Debug)]
pub struct SamplerRow {
    /// Name in a specification.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// The paper or the code it follows.
    pub source: &'static str,
    /// Whether the order follows from the labels, of all classes.
    pub looks_at_labels: bool,
    /// Whether rows that are far apart in the set follow each other, so that those on disk cannot be read ahead.
    pub is_scattered: bool,
    settings: &'static [SettingInfo],
    build: fn(&PoolRows<'_>, &Values) -> Order,
}

/// The rows that a feed draws from.
struct PoolRows<'a> {
    train: TrainSet<'a>,
    ids: &'a [u32],
}

impl PoolRows<'_> {
    fn count(&self) -> usize {
        self.ids.len()
    }

    /// A copy of their labels.
    fn labels(&self) -> LabelMatrix {
        let rows: Vec<usize> = self.ids.iter().map(|id| self.train.rows[*id as usize] as usize).collect();
        self.train.observed.select(&rows).matrix().clone()
    }
}

impl NamedRow for SamplerRow {
    const KIND: &'static str = "sampler";
    fn name(&self) -> &'static str {
        self.name
    }
    fn settings(&self) -> &'static [SettingInfo] {
        self.settings
    }
}

const CLASS_AWARE: &[SettingInfo] = &[
    setting("in_a_row", 3.0, Interval::whole_from(1.0), "rows that a visited class gives"),
    setting(
        "reduce",
        4.0,
        Interval::whole_from(1.0),
        "what max n_c C is divided by for the rows of an epoch",
    ),
];
const CLASS_AWARE_SOURCE: &str = "wutong16/DistributionBalancedLoss@14460d0acda6, ClassAwareSampler";

/// Every order in which an epoch visits its rows.
pub static SAMPLERS: &[SamplerRow] = &[
    SamplerRow {
        name: "shuffled",
        doc: "Every row once, in a new random order each epoch.",
        source: "the usual one",
        looks_at_labels: false,
        is_scattered: true,
        settings: &[],
        build: |rows, _| Order::Shuffled { rows: rows.count() },
    },
    SamplerRow {
        name: "fixed",
        doc: "Every row once, in the order of the set.",
        source: "milkxie/SSMLL-CAP@b7dd8075d61b, whose batches are never shuffled",
        looks_at_labels: false,
        is_scattered: false,
        settings: &[],
        build: |rows, _| Order::Fixed { rows: rows.count() },
    },
    SamplerRow {
        name: "class-aware",
        doc: "A reshuffled cycle of classes, and rows of each visited class from its own reshuffled cycle; the cycles live on \
              over the epochs.",
        source: CLASS_AWARE_SOURCE,
        looks_at_labels: true,
        is_scattered: true,
        settings: CLASS_AWARE,
        build: |rows, values| Order::ClassAware(ClassAwareCycles::new(&rows.labels(), class_aware(values))),
    },
    SamplerRow {
        name: "shuffled-class-aware-length",
        doc: "Every row once and again, each time in a new random order, truncated to the rows of a class-aware epoch.",
        source: "a control of the number of updates",
        looks_at_labels: true,
        is_scattered: true,
        settings: CLASS_AWARE,
        build: |rows, values| Order::Repeated {
            rows: rows.count(),
            length: class_aware(values).length(&rows.labels().positives_per_class()),
        },
    },
    SamplerRow {
        name: "balanced",
        doc: "A class at random, then one of its rows; as many draws as rows, with replacement.",
        source: "wannature/COMIC@1de14e5cfb20, balanced branch",
        looks_at_labels: true,
        is_scattered: true,
        settings: &[],
        build: |rows, _| Order::ByClass { labels: rows.labels(), draw: samplers::balanced },
    },
    SamplerRow {
        name: "reversed",
        doc: "A class with probability in proportion to 1 / n_c, then one of its rows; as many draws as rows, with replacement.",
        source: "wannature/COMIC@1de14e5cfb20, tail branch",
        looks_at_labels: true,
        is_scattered: true,
        settings: &[],
        build: |rows, _| Order::ByClass { labels: rows.labels(), draw: samplers::reversed },
    },
    SamplerRow {
        name: "blocks",
        doc: "Every row once: blocks of consecutive rows in a random order, and the rows of a few blocks at a time shuffled among \
              each other. For features on disk, of which only those few blocks are then read at a time.",
        source: "the usual one for data larger than memory",
        looks_at_labels: false,
        is_scattered: false,
        settings: &[
            setting("block", 512.0, Interval::whole_from(1.0), "consecutive rows that are read together"),
            setting("blocks", 16.0, Interval::whole_from(1.0), "blocks whose rows are shuffled together"),
        ],
        build: |rows, values| Order::Blocks {
            rows: rows.count(),
            of: BlockShuffle { block: values.get("block") as usize, blocks: values.get("blocks") as usize },
        },
    },
];

fn class_aware(values: &Values) -> ClassAware {
    ClassAware { in_a_row: values.get("in_a_row") as usize, reduce: values.get("reduce") as usize }
}

/// A sampler over rows 0 to n - 1.
enum Order {
    Shuffled { rows: usize },
    Fixed { rows: usize },
    Repeated { rows: usize, length: usize },
    ClassAware(ClassAwareCycles),
    ByClass { labels: LabelMatrix, draw: fn(&LabelMatrix, u64, u64) -> Vec<usize> },
    Blocks { rows: usize, of: BlockShuffle },
}

impl Order {
    /// Writes the rows of an epoch, from the seed, the number of the epoch and, of class-aware cycles, where they are.
    fn fill(&mut self, purpose: &str, seed: u64, epoch: u64, order: &mut Vec<u32>) {
        order.clear();
        match self {
            Order::Fixed { rows } => order.extend(0..*rows as u32),
            Order::Shuffled { rows } => {
                order.extend(0..*rows as u32);
                Stream::numbered(seed, purpose, epoch).shuffle(order);
            }
            Order::Repeated { rows, length } => {
                let mut stream = Stream::numbered(seed, purpose, epoch);
                while order.len() < *length && *rows > 0 {
                    let start = order.len();
                    order.extend(0..*rows as u32);
                    stream.shuffle(&mut order[start..]);
                }
                order.truncate(*length);
            }
            Order::ClassAware(cycles) => {
                order.extend(cycles.epoch(seed, epoch).into_iter().map(|row| row as u32));
            }
            Order::Blocks { rows, of } => {
                order.extend(of.epoch(*rows, seed, epoch).into_iter().map(|row| row as u32));
            }
            Order::ByClass { labels, draw } => {
                order.extend(draw(labels, seed, epoch).into_iter().map(|row| row as u32));
            }
        }
    }
}

/// A feed in a run: the order of the epoch, and memory for one batch.
pub(crate) struct Source {
    feed: Feed,
    purpose: String,
    /// Sample ids of the pool; empty where the pool is all rows.
    pool: Vec<u32>,
    order_of: Order,
    order: Vec<u32>,
    labels: Vec<Label>,
    /// Rows of the features that are about to be read.
    soon: Vec<u32>,
}

impl Source {
    /// The feed number `index` of a procedure over the rows of `train`.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for an unknown sampler, a pool without rows or an epoch without a batch.
    pub(crate) fn new(
        feed: &Feed,
        index: usize,
        train: &TrainSet<'_>,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let (row, values) = feed.sampler.find(SAMPLERS)?;
        let is_labelled = |id: &u32| train.labels_of(*id).iter().any(|label| label.is_known());
        let all = 0..train.len() as u32;
        let pool: Vec<u32> = match feed.pool {
            Pool::All => vec![],
            Pool::Labelled => all.clone().filter(|id| is_labelled(id)).collect(),
            Pool::Unlabelled => all.clone().filter(|id| !is_labelled(id)).collect(),
        };
        let everything: Vec<u32>;
        let ids = if feed.pool == Pool::All {
            everything = all.collect();
            &everything
        } else {
            &pool
        };
        if ids.is_empty() {
            let what = match feed.pool {
                Pool::All => "no training rows",
                Pool::Labelled => "no row with a known label",
                Pool::Unlabelled => {
                    "no row without any known label, and semi trains on labelled and unlabelled rows"
                }
            };
            return Err(TrainError::Setting(format!("there is {what}")));
        }
        let of_pool = PoolRows { train: *train, ids };
        let [drawn, order_of] = [(); 2].map(|()| (row.build)(&of_pool, &values));
        // The first feed has the name that plain training always had.
        let purpose = if index == 0 { "row order".to_string() } else { format!("row order of feed {index}") };
        let feed = feed.clone();
        let (order, labels, soon) = (vec![], vec![], vec![]);
        let mut source = Self { feed, purpose, pool, order_of: drawn, order, labels, soon };
        // How long an epoch is depends on the sampler alone: one is drawn and thrown away.
        source.order_of.fill(&source.purpose, seed, 0, &mut source.order);
        if source.order.is_empty() {
            return Err(TrainError::Setting(format!(
                "the sampler {} has no rows: no label is positive",
                source.feed.sampler.name
            )));
        }
        if source.batches() == 0 {
            return Err(TrainError::Setting(format!(
                "batch = {}: there are only {} training rows{}, and incomplete batches are dropped",
                source.feed.batch,
                source.order.len(),
                match source.feed.sampler.name.as_str() {
                    "shuffled" | "fixed" => String::new(),
                    sampler => format!(" in an epoch of the sampler {sampler}"),
                }
            )));
        }
        source.order_of = order_of;
        Ok(source)
    }

    /// Rows of an epoch.
    pub(crate) fn rows(&self) -> usize {
        self.order.len()
    }

    /// Rows of a batch.
    pub(crate) fn batch_size(&self) -> usize {
        self.feed.batch
    }

    /// Whether some batch has a single row.
    pub(crate) fn has_batch_of_one(&self) -> bool {
        self.feed.batch == 1 || (self.feed.keep_last && self.order.len() % self.feed.batch == 1)
    }

    /// Batches of an epoch.
    pub(crate) fn batches(&self) -> usize {
        match self.feed.keep_last {
            true => self.order.len().div_ceil(self.feed.batch),
            false => self.order.len() / self.feed.batch,
        }
    }

    /// The order of a new epoch.
    pub(crate) fn begin_epoch(&mut self, seed: u64, epoch: usize) {
        self.order_of.fill(&self.purpose, seed, epoch as u64, &mut self.order);
        if !self.pool.is_empty() {
            self.order.iter_mut().for_each(|i| *i = self.pool[*i as usize]);
        }
    }

    /// Sample ids and labels of batch `step` of the epoch; a feed with fewer batches starts again.
    pub(crate) fn batch(&mut self, train: &TrainSet<'_>, step: usize) -> (&[u32], &[Label]) {
        let start = step % self.batches() * self.feed.batch;
        self.announce(train, start);
        let ids = &self.order[start..(start + self.feed.batch).min(self.order.len())];
        self.labels.clear();
        for id in ids {
            self.labels.extend_from_slice(train.labels_of(*id));
        }
        (ids, &self.labels)
    }

    /// Says which rows are read next, where they come from disk in blocks: those of the first blocks at the start of an epoch,
    /// and those of the next blocks when the present ones are begun.
    fn announce(&mut self, train: &TrainSet<'_>, start: usize) {
        let Order::Blocks { of: BlockShuffle { block, blocks }, .. } = self.order_of else { return };
        let window = block.saturating_mul(blocks);
        // Rows start to start + batch: whether some window begins among them.
        let begun = start.next_multiple_of(window);
        if !train.features.are_on_disk() || begun >= start + self.feed.batch {
            return;
        }
        let end = self.order.len();
        let from = if start == 0 { 0 } else { begun.saturating_add(window) }.min(end);
        let to = begun.saturating_add(window).saturating_add(window).min(end);
        self.soon.clear();
        self.soon.extend(self.order[from..to].iter().map(|id| train.rows[*id as usize]));
        self.soon.sort_unstable();
        // Rows of a block that do not train, such as those that validate, leave gaps, which are read over.
        for run in self.soon.chunk_by(|a, b| (b - a) as usize <= block) {
            train.features.will_read(run[0] as usize..run[run.len() - 1] as usize + 1);
        }
    }

    /// The state to save in addition to the seed and the epoch.
    pub(crate) fn state(&self, index: usize) -> Vec<StateEntry> {
        let Order::ClassAware(cycles) = &self.order_of else { return vec![] };
        let entry = |(i, list): (usize, Vec<usize>)| StateEntry {
            name: format!("feed.{index}.cycle.{i}"),
            values: list.into_iter().map(|value| value as f64).collect(),
        };
        cycles.state().into_iter().enumerate().map(entry).collect()
    }

    /// Goes on from what [`Source::state`] gave.
    pub(crate) fn restore(&mut self, index: usize, entries: &[StateEntry]) -> Result<(), StateError> {
        let Order::ClassAware(cycles) = &mut self.order_of else { return Ok(()) };
        let prefix = format!("feed.{index}.cycle.");
        let lists: Vec<Vec<usize>> = entries
            .iter()
            .filter(|entry| entry.name.starts_with(&prefix))
            .map(|entry| entry.values.iter().map(|value| *value as usize).collect())
            .collect();
        match cycles.restore(&lists) {
            true => Ok(()),
            false => Err(StateError::Unfit {
                name: format!("{prefix}*"),
                problem: "is not of these labels".to_string(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_labels::{Features, ObservedLabels};

    fn observed() -> ObservedLabels {
        let cells = (0..30).flat_map(|row| match row % 3 {
            0 => [Label::Positive, Label::Negative],
            1 => [Label::Unknown, Label::Unknown],
            _ => [Label::Negative, Label::Positive],
        });
        LabelMatrix::new(30, 2, cells.collect()).unwrap().into()
    }

    fn feed(sampler: &str, pool: Pool, batch: usize, keep_last: bool) -> Feed {
        Feed { sampler: Named::new(sampler), pool, batch, keep_last }
    }

    #[test]
    fn pools_batches_and_cycles() {
        let (features, observed) = (Features::new(30, 1, vec![0.0; 30]).unwrap(), observed());
        let rows: Vec<u32> = (0..30).rev().collect();
        let train = TrainSet::new(&features, &observed, &rows);
        let mut source = Source::new(&feed("fixed", Pool::Unlabelled, 4, true), 0, &train, 1).unwrap();
        source.begin_epoch(1, 0);
        assert_eq!(source.batches(), 3);
        let (ids, labels) = source.batch(&train, 2);
        // Row 29 - id: ids 1, 4, 7, ... are rows 28, 25, 22, ...
        assert_eq!((ids, labels), (&[25, 28][..], &[Label::Unknown; 4][..]));
        assert_eq!(source.batch(&train, 3).0, [1, 4, 7, 10], "it starts again");
        let dropped = Source::new(&feed("shuffled", Pool::All, 8, false), 0, &train, 1).unwrap();
        assert_eq!(dropped.batches(), 3);
        let error = Source::new(&feed("shuffled", Pool::All, 31, false), 0, &train, 1).err().unwrap();
        assert!(error.to_string().starts_with("batch = 31: there are only 30 training rows"));
    }

    #[test]
    fn every_sampler_depends_on_seed_and_epoch_and_its_state() {
        let (features, observed) = (Features::new(30, 1, vec![0.0; 30]).unwrap(), observed());
        let rows: Vec<u32> = (0..30).collect();
        let train = TrainSet::new(&features, &observed, &rows);
        for row in SAMPLERS {
            let make = || Source::new(&feed(row.name, Pool::All, 5, true), 1, &train, 3).unwrap();
            let mut whole = make();
            let mut orders = vec![];
            for epoch in 0..4 {
                whole.begin_epoch(3, epoch);
                orders.push(whole.order.clone());
                assert!(whole.order.iter().all(|id| *id < 30), "{}", row.name);
            }
            let mut half = make();
            (0..2).for_each(|epoch| half.begin_epoch(3, epoch));
            let mut resumed = make();
            resumed.restore(1, &half.state(1)).unwrap();
            for (epoch, order) in orders.iter().enumerate().skip(2) {
                resumed.begin_epoch(3, epoch);
                assert_eq!(&resumed.order, order, "{}, epoch {epoch}", row.name);
            }
        }
    }
}
