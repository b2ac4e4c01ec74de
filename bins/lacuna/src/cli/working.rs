//! Progress: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`; always on standard error.

use super::screen;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Progress of work whose steps are counted, or that is one step.
pub struct Working {
    bar: Option<ProgressBar>,
    start: Instant,
    steps: usize,
    done: usize,
}

impl Working {
    /// Work of so many steps, or of one.
    pub fn new(what: &str, steps: usize) -> Self {
        let bar = (std::io::stderr().is_terminal() && !screen::is_quiet()).then(|| {
            let template = if steps > 1 {
                "[{elapsed_precise}] {wide_bar} {pos}/{len}  {msg}  {eta} left"
            } else {
                "[{elapsed_precise}] {spinner} {msg}"
            };
            let style = ProgressStyle::with_template(template).expect("the template is well-formed");
            let bar = ProgressBar::new(steps as u64).with_style(style).with_message(what.to_string());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        if bar.is_none() {
            screen::info(&format!("{what} ..."));
        }
        Self { bar, start: Instant::now(), steps, done: 0 }
    }

    /// A step is over.
    pub fn step(&mut self, what: &str) {
        self.done += 1;
        match &self.bar {
            Some(bar) => {
                bar.set_message(what.to_string());
                bar.inc(1);
            }
            None => screen::info(&format!("{} of {}: {what}", self.done, self.steps)),
        }
    }

    /// The work is over; how long it took.
    pub fn end(self) -> f64 {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.start.elapsed().as_secs_f64()
    }
}
