//! Moving averages of weights.

use lacuna_engine::{Entry, Tape};

/// One step of the average: e = decay e + (1 - decay) w.
pub fn step(e: f64, w: f64, decay: f64) -> f64 {
    decay * e + (1.0 - decay) * w
}

/// A moving average of parameters and pieces of state of a tape.
///
/// Starts as a copy and takes the current numbers in after every optimiser step, without a correction for the start.
/// The decay of Hill, SPLC and PU-MLC is 0.9997: xinyu1205/robust-loss-mlml@dcfa4d54bcca, `ModelEma`.
///
/// ```
/// use lacuna_engine::{Tape, Tensor};
/// use lacuna_nn::ModelEma;
///
/// let mut tape = Tape::new();
/// tape.param("w", Tensor::new([1], vec![1.0]));
/// tape.seal();
/// let mut ema = ModelEma::new(&tape, 0.75);
/// tape.update_entries(|_, entry| entry.value[0] = 5.0);
/// ema.update(&tape);
/// ema.swap(&mut tape); // the tape now holds the average, and the average what the tape held
/// assert_eq!(tape.entries().next().unwrap().value, [2.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ModelEma {
    decay: f64,
    /// Entries of the tape.
    entries: usize,
    averages: Vec<Average>,
}

#[derive(Clone, Debug, PartialEq)]
struct Average {
    /// Position of the entry on the tape.
    at: usize,
    name: String,
    values: Vec<f32>,
}

impl ModelEma {
    /// An average of every entry, which starts at the numbers of the tape.
    ///
    /// # Panics
    /// Unless `decay` is in [0, 1].
    pub fn new(tape: &Tape, decay: f64) -> Self {
        Self::of(tape, decay, |_| true)
    }

    /// The same of the entries that `averaged` names. A table with a row for each training sample, which no prediction reads,
    /// would cost every step a pass over all of its rows.
    ///
    /// # Panics
    /// Unless `decay` is in [0, 1].
    pub fn of(tape: &Tape, decay: f64, averaged: impl Fn(&Entry<'_>) -> bool) -> Self {
        assert!((0.0..=1.0).contains(&decay), "a moving average with decay {decay}");
        let entries = tape.entries().enumerate().filter(|(_, entry)| averaged(entry));
        let average =
            |(at, e): (usize, Entry<'_>)| Average { at, name: e.name.to_owned(), values: e.value.to_vec() };
        Self { decay, averages: entries.map(average).collect(), entries: tape.entries().count() }
    }

    /// Takes the numbers of the tape in.
    ///
    /// # Panics
    /// If the tape has other entries than the one the average was made from.
    pub fn update(&mut self, tape: &Tape) {
        let rest = (1.0 - self.decay) as f32;
        let (mut averages, mut entries) = (self.averages.iter_mut().peekable(), 0);
        for (i, entry) in tape.entries().enumerate() {
            entries += 1;
            let Some(average) = averages.next_if(|average| average.at == i) else { continue };
            average.check(entry.name, entry.value);
            // e + (1 - decay)(w - e): the difference is small and keeps its digits in f32.
            for (e, w) in average.values.iter_mut().zip(entry.value) {
                *e += rest * (w - *e);
            }
        }
        assert_eq!(entries, self.entries, "entries of the tape");
    }

    /// Exchanges the averages and the numbers of the tape: once to evaluate the average, once to go on training.
    ///
    /// # Panics
    /// If the tape has other entries than the one the average was made from.
    pub fn swap(&mut self, tape: &mut Tape) {
        let (mut averages, mut entries) = (self.averages.iter_mut().peekable(), 0);
        tape.update_entries(|i, entry| {
            entries += 1;
            let Some(average) = averages.next_if(|average| average.at == i) else { return };
            average.check(entry.name, entry.value);
            average.values.swap_with_slice(entry.value);
        });
        assert_eq!(entries, self.entries, "entries of the tape");
    }

    /// The averages by name, in the order of the tape's entries.
    pub fn averages(&self) -> impl Iterator<Item = (&str, &[f32])> {
        self.averages.iter().map(|average| (average.name.as_str(), average.values.as_slice()))
    }

    /// Goes on from saved averages.
    ///
    /// # Errors
    /// A sentence naming what does not fit: every average has to be given, with its size.
    pub fn restore<'a>(
        &mut self,
        saved: impl IntoIterator<Item = (&'a str, &'a [f32])>,
    ) -> Result<(), String> {
        let mut restored = self.averages.clone();
        let mut seen = 0;
        for (name, values) in saved {
            match restored.iter_mut().find(|average| average.name == name) {
                Some(average) if average.values.len() == values.len() => {
                    average.values.copy_from_slice(values);
                }
                Some(average) => {
                    return Err(format!("{name} has {} numbers, not {}", average.values.len(), values.len()));
                }
                None => return Err(format!("there is no average of `{name}`")),
            }
            seen += 1;
        }
        if seen != restored.len() {
            return Err(format!("{} averages, of which {seen} were saved", restored.len()));
        }
        self.averages = restored;
        Ok(())
    }
}

impl Average {
    fn check(&self, name: &str, values: &[f32]) {
        assert!(
            self.name == name && self.values.len() == values.len(),
            "the average of {} ({} numbers) meets {name} ({})",
            self.name,
            self.values.len(),
            values.len()
        );
    }
}
