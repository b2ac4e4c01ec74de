//! Moving averages of weights.

use lacuna_engine::Tape;

/// One step of the average: e = decay e + (1 - decay) w.
pub fn step(e: f64, w: f64, decay: f64) -> f64 {
    decay * e + (1.0 - decay) * w
}

/// A moving average of every parameter and every piece of state of a tape.
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
    averages: Vec<(String, Vec<f32>)>,
}

impl ModelEma {
    /// An average that starts at the numbers of the tape.
    ///
    /// # Panics
    /// Unless `decay` is in [0, 1].
    pub fn new(tape: &Tape, decay: f64) -> Self {
        assert!((0.0..=1.0).contains(&decay), "a moving average with decay {decay}");
        let averages = tape.entries().map(|e| (e.name.to_owned(), e.value.to_vec())).collect();
        Self { decay, averages }
    }

    /// Takes the numbers of the tape in.
    ///
    /// # Panics
    /// If the tape has other entries than the one the average was made from.
    pub fn update(&mut self, tape: &Tape) {
        let rest = (1.0 - self.decay) as f32;
        let mut averages = self.averages.iter_mut();
        for entry in tape.entries() {
            let (name, average) = averages.next().expect("as many averages as entries");
            check(name, average, entry.name, entry.value);
            // e + (1 - decay)(w - e): the difference is small and keeps its digits in f32.
            for (e, w) in average.iter_mut().zip(entry.value) {
                *e += rest * (w - *e);
            }
        }
        assert!(averages.next().is_none(), "as many entries as averages");
    }

    /// Exchanges the averages and the numbers of the tape: once to evaluate the average, once to go on training.
    ///
    /// # Panics
    /// If the tape has other entries than the one the average was made from.
    pub fn swap(&mut self, tape: &mut Tape) {
        let averages = &mut self.averages;
        tape.update_entries(|i, entry| {
            let (name, average) = &mut averages[i];
            check(name, average, entry.name, entry.value);
            average.swap_with_slice(entry.value);
        });
    }

    /// The averages by name, in the order of the tape's entries.
    pub fn averages(&self) -> impl Iterator<Item = (&str, &[f32])> {
        self.averages.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
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
            match restored.iter_mut().find(|(known, _)| known == name) {
                Some((_, average)) if average.len() == values.len() => average.copy_from_slice(values),
                Some((_, average)) => {
                    return Err(format!("{name} has {} numbers, not {}", average.len(), values.len()));
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

fn check(name: &str, average: &[f32], entry: &str, value: &[f32]) {
    assert!(
        name == entry && average.len() == value.len(),
        "the average of {name} ({} numbers) meets {entry} ({})",
        average.len(),
        value.len()
    );
}
