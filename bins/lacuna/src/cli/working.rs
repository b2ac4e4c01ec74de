//! Progress: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`; always on standard error.

use super::screen;
use crate::{Progress, Stage};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Whether somebody sees a bar.
fn seen() -> bool {
    std::io::stderr().is_terminal() && !screen::is_quiet()
}

/// The progress of a fit or an audit: a bar on a terminal, nothing elsewhere or with `--quiet`.
pub struct Watched {
    bar: Option<ProgressBar>,
    start: Instant,
}

impl Watched {
    /// A bar that shows nothing yet.
    pub fn new() -> Self {
        let bar = seen().then(|| {
            let bar = ProgressBar::no_length();
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, start: Instant::now() }
    }

    /// The hook that moves the bar; none where there is no bar.
    pub fn hook(&self) -> Option<impl Fn(Progress) -> ControlFlow<()> + Send + Sync + use<>> {
        let bar = self.bar.clone()?;
        Some(move |Progress { stage, done, total, .. }| {
            if done == 0 {
                bar.set_position(0);
                bar.set_length(total as u64);
                bar.set_style(style(stage));
                bar.set_message(stage.to_string());
            }
            bar.set_position(done as u64);
            ControlFlow::Continue(())
        })
    }

    /// The work is over; how long it took.
    pub fn end(self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}

impl Drop for Watched {
    /// An error does not leave the bar on the screen.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Default for Watched {
    fn default() -> Self {
        Self::new()
    }
}

fn style(stage: Stage) -> ProgressStyle {
    let template = match stage {
        // One step has no share that is done.
        Stage::Neighbours => "[{elapsed_precise}] {spinner} {msg}",
        // Neither all settings are tried nor all iterations made: a rest would be too long.
        _ => "[{elapsed_precise}] {wide_bar} {pos} of at most {len}  {msg}",
    };
    ProgressStyle::with_template(template).expect("the template is well-formed")
}

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
        let bar = seen().then(|| {
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
