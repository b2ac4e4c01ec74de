//! The `[sweep]` table of a specification, and the points that it describes.

use crate::{HarnessError, Overrides, Spec};
use lacuna_protocols::Stream;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use toml::{Table, Value};

/// Most points of a sweep.
const MOST_POINTS: usize = 100_000;

/// Keys of a specification with several values each. Every combination is a point, or so many random ones.
///
/// ```toml
/// [sweep.keys]
/// training.lr = [1e-3, 1e-2]
/// training.batch = [8, 16]
/// splc.tau = [0.6, 0.7]
/// ```
/// has eight points. With `draws = 20` under `[sweep]` it has 20, of which each takes every key from its list at random, and
/// a key may have a range in place of a list:
///
/// ```toml
/// [sweep]
/// draws = 20
/// [sweep.keys]
/// training.lr = { from = 1e-5, to = 1e-1, scale = "log" }
/// training.batch = { from = 8, to = 64, whole = true }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepSpec {
    /// Number of random points; every combination of the values without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draws: Option<usize>,
    /// Seed of the random points.
    #[serde(default)]
    pub seed: u64,
    /// Dotted keys with their values, as `--set` takes them.
    pub keys: Table,
}

/// One value for each key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point(pub BTreeMap<String, String>);

impl Point {
    /// What has to be overridden for this point.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides { set: self.0.clone().into_iter().collect(), ..Overrides::default() }
    }

    /// The specification at this point.
    ///
    /// # Errors
    /// [`HarnessError::Setting`] for a key or a value that cannot be, with the point.
    pub fn of(&self, spec: &Spec) -> Result<Spec, HarnessError> {
        self.overrides().apply(spec).map_err(|error| self.within(error))
    }

    /// An error with this point.
    pub(crate) fn within(&self, error: HarnessError) -> HarnessError {
        match error {
            HarnessError::Setting(problem) => {
                HarnessError::Setting(format!("sweep, {self}: {}", problem.trim_start_matches("--set ")))
            }
            error => error,
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
        f.write_str(&pairs.join(" "))
    }
}

/// The values of a key.
enum Values {
    Listed(Vec<Value>),
    Range(Range),
}

/// Numbers between two bounds, both included.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: f64,
    to: f64,
    #[serde(default)]
    scale: Scale,
    /// Integers only.
    #[serde(default)]
    whole: bool,
}

/// How numbers of a range are spread.
#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Scale {
    #[default]
    Linear,
    Log,
}

impl SweepSpec {
    /// Every point, in the order of the keys: the last one changes fastest.
    ///
    /// # Errors
    /// [`HarnessError::Setting`] for a key without values, a range outside a random sweep, or too many points.
    pub fn points(&self) -> Result<Vec<Point>, HarnessError> {
        let wrong = |problem: String| HarnessError::Setting(format!("sweep: {problem}"));
        let mut keys = Vec::new();
        flatten("", &self.keys, &mut keys)?;
        keys.sort_by(|(one, _), (other, _)| one.cmp(other));
        if keys.is_empty() {
            return Err(wrong("no keys: [sweep.keys] lists the values of at least one".to_string()));
        }
        if let Some((key, _)) = keys.iter().find(|(key, _)| key == "training.seeds") {
            return Err(wrong(format!("{key} is the number of runs of each point and takes one value")));
        }
        match self.draws {
            None => grid(&keys),
            Some(draws) if (1..=MOST_POINTS).contains(&draws) => Ok(random(&keys, draws, self.seed)),
            Some(draws) => Err(wrong(format!("draws = {draws}: expected a number from 1 to {MOST_POINTS}"))),
        }
    }
}

/// Dotted keys with their values: a list, or a table with `from` and `to`; any other table has keys below it.
fn flatten(before: &str, table: &Table, into: &mut Vec<(String, Values)>) -> Result<(), HarnessError> {
    for (name, value) in table {
        let key = if before.is_empty() { name.clone() } else { format!("{before}.{name}") };
        let wrong = |problem: String| HarnessError::Setting(format!("sweep.keys, {key}: {problem}"));
        match value {
            Value::Array(values) if values.is_empty() => return Err(wrong("the list is empty".to_string())),
            Value::Array(values) => {
                if let Some(twice) =
                    values.iter().enumerate().find_map(|(i, v)| values[..i].contains(v).then_some(v))
                {
                    return Err(wrong(format!("the value {twice} is listed twice")));
                }
                into.push((key, Values::Listed(values.clone())));
            }
            Value::Table(range) if range.contains_key("from") || range.contains_key("to") => {
                let read: Result<Range, toml::de::Error> = range.clone().try_into();
                let range = read.map_err(|e| wrong(crate::spec::with_suggestion(e.message())))?;
                range.check().map_err(wrong)?;
                into.push((key, Values::Range(range)));
            }
            Value::Table(below) => flatten(&key, below, into)?,
            other => {
                return Err(wrong(format!(
                    "expected a list of values, or {{ from = .., to = .. }}; one value belongs into the specification \
                     itself, not {other}"
                )));
            }
        }
    }
    Ok(())
}

impl Range {
    fn check(&self) -> Result<(), String> {
        let Self { from, to, scale, whole } = *self;
        if !(from.is_finite() && to.is_finite() && from < to) {
            return Err(format!(
                "from = {from}, to = {to}: expected two finite numbers, the first one smaller"
            ));
        }
        if scale == Scale::Log && from <= 0.0 {
            return Err(format!("from = {from}: a log scale needs positive numbers"));
        }
        if whole && (from.fract() != 0.0 || to.fract() != 0.0 || to.abs().max(from.abs()) > 1e15) {
            return Err(format!("from = {from}, to = {to}: whole = true needs integers below 1e15"));
        }
        Ok(())
    }

    /// The number at `u` in [0, 1). Numbers that are not integers are rounded to four digits, so that they can be written
    /// down.
    fn at(&self, u: f64) -> Value {
        // A whole number stands for the unit interval around it, so that both ends are as likely as the others.
        let (low, high) = match (self.whole, self.scale) {
            (true, Scale::Linear) => (self.from - 0.5, self.to + 0.5),
            _ => (self.from, self.to),
        };
        let x = match self.scale {
            Scale::Linear => low + u * (high - low),
            Scale::Log => (low.ln() + u * (high.ln() - low.ln())).exp(),
        };
        if self.whole {
            return Value::Integer(x.round().clamp(self.from, self.to) as i64);
        }
        let short: f64 = format!("{x:.3e}").parse().expect("a number that was just written");
        Value::Float(short.clamp(self.from, self.to))
    }
}

/// Every combination.
fn grid(keys: &[(String, Values)]) -> Result<Vec<Point>, HarnessError> {
    let mut points = vec![Point::default()];
    for (key, values) in keys {
        let Values::Listed(values) = values else {
            return Err(HarnessError::Setting(format!(
                "sweep.keys, {key}: a range needs random points: set sweep.draws, or list the values"
            )));
        };
        if points.len() * values.len() > MOST_POINTS {
            return Err(HarnessError::Setting(format!("sweep: more than {MOST_POINTS} points")));
        }
        let with = |point: &Point, value: &Value| {
            let mut point = point.clone();
            point.0.insert(key.clone(), value.to_string());
            point
        };
        points = points.iter().flat_map(|point| values.iter().map(|value| with(point, value))).collect();
    }
    Ok(points)
}

/// So many random combinations. Point i draws from a stream of its own, so more draws keep the first ones.
fn random(keys: &[(String, Values)], draws: usize, seed: u64) -> Vec<Point> {
    let point = |i: usize| {
        let mut stream = Stream::numbered(seed, "points of a sweep", i as u64);
        let value = |(key, values): &(String, Values)| {
            let u = stream.uniform_f64();
            let value = match values {
                Values::Listed(values) => {
                    values[((u * values.len() as f64) as usize).min(values.len() - 1)].clone()
                }
                Values::Range(range) => range.at(u),
            };
            (key.clone(), value.to_string())
        };
        Point(keys.iter().map(value).collect())
    };
    (0..draws).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(text: &str) -> SweepSpec {
        toml::from_str(text).unwrap()
    }

    fn shown(spec: &SweepSpec) -> Vec<String> {
        spec.points().unwrap().iter().map(Point::to_string).collect()
    }

    #[test]
    fn a_grid_has_every_combination_once() {
        let spec = sweep("[keys]\ntraining.lr = [1e-3, 1e-2]\n\"splc.tau\" = [0.6, 0.7]\n");
        let expected = [
            "splc.tau=0.6 training.lr=0.001",
            "splc.tau=0.6 training.lr=0.01",
            "splc.tau=0.7 training.lr=0.001",
            "splc.tau=0.7 training.lr=0.01",
        ];
        assert_eq!(shown(&spec), expected);
        let names =
            sweep("[keys.training]\nschedule = [\"constant\", { name = \"one-cycle\", epochs = 80 }]\n");
        assert_eq!(
            shown(&names),
            ["training.schedule=\"constant\"", "training.schedule={ epochs = 80, name = \"one-cycle\" }"]
        );
    }

    #[test]
    fn random_points_stay_in_range_and_more_of_them_keep_the_first() {
        let text = |draws: usize| {
            format!(
                "draws = {draws}\n[keys]\na.x = {{ from = 1e-5, to = 1e-1, scale = \"log\" }}\na.n = {{ from = 2, to = 4, \
                 whole = true }}\na.c = [\"p\", \"q\"]\n"
            )
        };
        let points = sweep(&text(3000)).points().unwrap();
        assert_eq!(points[..40], sweep(&text(40)).points().unwrap());
        assert_ne!(sweep(&format!("seed = 1\n{}", text(40))).points().unwrap(), points[..40]);
        let mut counts = BTreeMap::new();
        let mut below = 0;
        for Point(values) in &points {
            let x: f64 = values["a.x"].parse().unwrap();
            assert!((1e-5..=1e-1).contains(&x));
            below += usize::from(x < 1e-3);
            *counts.entry(values["a.n"].clone()).or_insert(0) += 1;
            *counts.entry(values["a.c"].clone()).or_insert(0) += 1;
        }
        // Half of the draws are below the geometric mean; a binomial of 3000 strays by 82 with probability .003.
        assert!((1418..1582).contains(&below), "{below}");
        for (value, share) in [("2", 3), ("3", 3), ("4", 3), ("\"p\"", 2), ("\"q\"", 2)] {
            let (found, expected) = (counts[value], 3000 / share);
            assert!((expected - 90..expected + 90).contains(&found), "{value}: {found}");
        }
    }

    #[test]
    fn what_is_no_sweep_is_refused_with_the_key() {
        let error = |text: &str| sweep(text).points().unwrap_err().to_string();
        assert!(error("[keys]\n").contains("no keys"));
        assert!(error("[keys]\ntraining.lr = 1e-3\n").contains("training.lr: expected a list"));
        assert!(error("[keys]\ntraining.lr = []\n").contains("the list is empty"));
        assert!(error("[keys]\ntraining.lr = [1e-3, 1e-3]\n").contains("listed twice"));
        assert!(error("[keys]\ntraining.lr = { from = 1, to = 2 }\n").contains("set sweep.draws"));
        assert!(error("[keys]\ntraining.seeds = [1, 2]\n").contains("training.seeds"));
        let range = |range: &str| error(&format!("draws = 2\n[keys]\na.b = {{ {range} }}\n"));
        assert!(range("from = 2, to = 1").contains("the first one smaller"));
        assert!(range("from = 0, to = 1, scale = \"log\"").contains("positive"));
        assert!(range("from = 0.5, to = 2, whole = true").contains("integers"));
        assert!(range("from = 0, to = 1, scal = \"log\"").contains("did you mean `scale`?"));
        assert!(error("draws = 0\n[keys]\na.b = [1]\n").contains("draws = 0"));
        let many = format!("[keys]\na.b = {0:?}\na.c = {0:?}\n", (0..400).collect::<Vec<_>>());
        assert!(error(&many).contains("more than 100000 points"));
    }
}
