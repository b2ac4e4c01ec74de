//! A row of a table chosen by name, with settings: what procedures, samplers, optimisers, schedules and feature
//! transforms have in common.
//!
//! In TOML it is a string, or a table with the name and the settings that differ from their defaults:
//!
//! ```toml
//! schedule = "constant"
//! schedule = { name = "one-cycle", pct_start = 0.2, epochs = 80 }
//! ```

use crate::TrainError;
use lacuna_losses::{Interval, suggest};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// A name and the settings that were given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named {
    /// Name of a row of the table.
    pub name: String,
    /// Settings that were given, one number or several.
    pub settings: BTreeMap<String, Vec<f64>>,
}

/// A setting of a row of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SettingInfo {
    /// Its name.
    pub name: &'static str,
    /// Its value unless it is set; `None` where the row finds its own value or has to be told.
    pub default: Option<f64>,
    /// Values that are accepted.
    pub range: Interval,
    /// Description, one sentence.
    pub doc: &'static str,
}

/// A setting with a default.
pub(crate) const fn setting(
    name: &'static str,
    default: f64,
    range: Interval,
    doc: &'static str,
) -> SettingInfo {
    SettingInfo { name, default: Some(default), range, doc }
}

/// A setting without one.
pub(crate) const fn optional(name: &'static str, range: Interval, doc: &'static str) -> SettingInfo {
    SettingInfo { name, default: None, range, doc }
}

/// A table of named entries: finds a row by name and checks its settings.
pub trait NamedRow: 'static {
    /// The kind of the rows in error messages: `schedule`.
    const KIND: &'static str;
    /// Name of the row.
    fn name(&self) -> &'static str;
    /// Settings of the row.
    fn settings(&self) -> &'static [SettingInfo];
}

impl Named {
    /// The row `name` with every default.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_string(), settings: BTreeMap::new() }
    }

    /// The same with one setting more.
    #[must_use]
    pub fn set(mut self, name: &str, value: f64) -> Self {
        self.settings.insert(name.to_string(), vec![value]);
        self
    }

    /// The row of `table` that is meant, with every setting checked.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for an unknown name or setting, with the nearest one, and for a value out of range.
    pub fn find<R: NamedRow>(&self, table: &'static [R]) -> Result<(&'static R, Values), TrainError> {
        let kind = R::KIND;
        let row = table.iter().find(|row| row.name() == self.name).ok_or_else(|| {
            let near = suggest(&self.name, table.iter().map(NamedRow::name));
            let near = match near.to_string() {
                near if near.starts_with("did") => near,
                _ => format!("there are {}", table.iter().map(NamedRow::name).collect::<Vec<_>>().join(", ")),
            };
            TrainError::Setting(format!("unknown {kind} `{}`; {near}", self.name))
        })?;
        for (name, values) in &self.settings {
            let Some(info) = row.settings().iter().find(|info| info.name == *name) else {
                let names = || row.settings().iter().map(|info| info.name);
                let near = match suggest(name, names()).to_string() {
                    near if near.starts_with("did") => near,
                    _ if names().len() == 0 => "it has none".to_string(),
                    _ => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
                };
                return Err(TrainError::Setting(format!(
                    "the {kind} {} has no setting `{name}`; {near}",
                    self.name
                )));
            };
            if let Some(value) = values.iter().find(|value| !info.range.contains(**value)) {
                return Err(TrainError::Setting(format!(
                    "{kind} {}: {name} = {value}, expected {}",
                    self.name, info.range
                )));
            }
        }
        Ok((row, Values { infos: row.settings(), given: self.settings.clone() }))
    }
}

impl std::str::FromStr for Named {
    type Err = TrainError;

    /// As a command line names it: `l2`, `pca:components=64`, `pca:components=64,whiten=1`.
    fn from_str(text: &str) -> Result<Self, TrainError> {
        let (name, settings) = text.split_once(':').unwrap_or((text, ""));
        let mut named = Self::new(name);
        for setting in settings.split(',').filter(|setting| !setting.is_empty()) {
            let value = setting.split_once('=').and_then(|(name, value)| Some((name, value.parse().ok()?)));
            let Some((name, value)) = value else {
                let problem = format!("`{text}`: expected NAME or NAME:SETTING=NUMBER,...");
                return Err(TrainError::Setting(problem));
            };
            named = named.set(name.trim(), value);
        }
        Ok(named)
    }
}

/// Settings of a row, those that were not given at their defaults.
#[derive(Clone, Debug)]
pub struct Values {
    infos: &'static [SettingInfo],
    given: BTreeMap<String, Vec<f64>>,
}

impl Values {
    /// The number that was given, or the default.
    ///
    /// # Panics
    /// If the row has no such setting, or it has no default and was not given: [`Values::given`] asks.
    pub fn get(&self, name: &str) -> f64 {
        self.given(name).unwrap_or_else(|| panic!("the setting {name} was not given and has no default"))
    }

    /// The number that was given, else the default, else `None`.
    pub fn given(&self, name: &str) -> Option<f64> {
        let given = self.given.get(name).and_then(|values| values.first().copied());
        given.or_else(|| self.infos.iter().find(|info| info.name == name)?.default)
    }

    /// Every number that was given; none where it was not.
    pub fn list(&self, name: &str) -> &[f64] {
        self.given.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a switch is on.
    pub fn flag(&self, name: &str) -> bool {
        self.given(name).is_some_and(|value| value != 0.0)
    }

    /// Names and values, defaults included, for conventions.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.infos.iter().filter_map(|info| Some((info.name, self.given(info.name)?)))
    }
}

impl fmt::Display for Named {
    /// `one-cycle (epochs 80, pct_start 0.2)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        let list = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join("/");
        let settings: Vec<String> =
            self.settings.iter().map(|(name, values)| format!("{name} {}", list(values))).collect();
        if settings.is_empty() { Ok(()) } else { write!(f, " ({})", settings.join(", ")) }
    }
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.settings.is_empty() {
            return serializer.serialize_str(&self.name);
        }
        let mut map = serializer.serialize_map(Some(1 + self.settings.len()))?;
        map.serialize_entry("name", &self.name)?;
        for (name, values) in &self.settings {
            match values[..] {
                [value] => map.serialize_entry(name, &value)?,
                _ => map.serialize_entry(name, values)?,
            }
        }
        map.end()
    }
}

/// A number, a switch or a list of numbers.
struct Numbers(Vec<f64>);

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a number, true or false, or a list of numbers")]
        enum Form {
            Switch(bool),
            Number(f64),
            List(Vec<f64>),
        }
        Ok(Self(match Form::deserialize(deserializer)? {
            Form::Switch(on) => vec![f64::from(u8::from(on))],
            Form::Number(value) => vec![value],
            Form::List(values) => values,
        }))
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Named;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name, or a table with `name` and settings that are numbers")
            }
            fn visit_str<E>(self, name: &str) -> Result<Named, E> {
                Ok(Named::new(name))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named, A::Error> {
                let (mut name, mut settings) = (None, BTreeMap::new());
                while let Some(key) = map.next_key::<String>()? {
                    if key == "name" {
                        name = Some(map.next_value::<String>()?);
                    } else {
                        let numbers = map.next_value::<Numbers>();
                        let Numbers(values) =
                            numbers.map_err(|error| A::Error::custom(format!("`{key}`: {error}")))?;
                        if values.is_empty() {
                            return Err(A::Error::custom(format!("`{key}` is an empty list")));
                        }
                        settings.insert(key, values);
                    }
                }
                let name = name.ok_or_else(|| A::Error::custom("the table has no `name`"))?;
                Ok(Named { name, settings })
            }
        }
        deserializer.deserialize_any(Form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Row(&'static str, &'static [SettingInfo]);
    impl NamedRow for Row {
        const KIND: &'static str = "fruit";
        fn name(&self) -> &'static str {
            self.0
        }
        fn settings(&self) -> &'static [SettingInfo] {
            self.1
        }
    }
    static FRUITS: [Row; 2] =
        [Row("apple", &[setting("weight", 100.0, Interval::above(0.0), "grams")]), Row("pear", &[])];

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct File {
        fruit: Named,
    }

    #[test]
    fn a_string_and_a_table_are_the_same_row() {
        let parse = |text: &str| toml::from_str::<File>(text).map(|file| file.fruit);
        assert_eq!(parse("fruit = \"apple\"").unwrap(), Named::new("apple"));
        let heavy = parse("fruit = { name = \"apple\", weight = 200 }").unwrap();
        assert_eq!(heavy, Named::new("apple").set("weight", 200.0));
        for fruit in [Named::new("apple"), heavy] {
            let text = toml::to_string(&File { fruit: fruit.clone() }).unwrap();
            assert_eq!(parse(&text).unwrap(), fruit);
        }
        assert!(parse("fruit = { weight = 1 }").is_err());
        assert!(parse("fruit = 3").is_err());
    }

    #[test]
    fn a_command_line_names_the_same_row() {
        assert_eq!("apple".parse::<Named>().unwrap(), Named::new("apple"));
        assert_eq!("apple:weight=200".parse::<Named>().unwrap(), Named::new("apple").set("weight", 200.0));
        assert!("apple:weight".parse::<Named>().is_err() && "apple:weight=x".parse::<Named>().is_err());
    }

    #[test]
    fn names_settings_and_ranges_are_checked() {
        let error = |named: Named| named.find(&FRUITS).unwrap_err().to_string();
        assert_eq!(error(Named::new("aple")), "unknown fruit `aple`; did you mean `apple`?");
        assert_eq!(error(Named::new("zzz")), "unknown fruit `zzz`; there are apple, pear");
        let wrong = Named::new("apple").set("wight", 1.0);
        assert_eq!(error(wrong), "the fruit apple has no setting `wight`; did you mean `weight`?");
        assert_eq!(error(Named::new("pear").set("x", 1.0)), "the fruit pear has no setting `x`; it has none");
        assert!(error(Named::new("apple").set("weight", 0.0)).starts_with("fruit apple: weight = 0"));
        let (row, values) = Named::new("apple").find(&FRUITS).unwrap();
        assert_eq!((row.name(), values.get("weight"), values.list("weight")), ("apple", 100.0, &[][..]));
    }
}
