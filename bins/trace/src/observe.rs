//! What happens on a tape and when: an observer that writes down times.

use crate::cli::WhatArgs;
use crate::examples;
use anyhow::Context;
use lacuna_engine::{Differentiated, Observer, Recorded, Tape};
use lacuna_harness::{Overrides, Plan, Spec};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A node that was recorded or differentiated: from when to when, since the step began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) index: usize,
    pub(crate) backward: bool,
    pub(crate) start: Duration,
    pub(crate) end: Duration,
}

/// Writes down when nodes end; each begins where the one before ended.
struct Times {
    begin: Instant,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Times {
    fn event(&self, index: usize, backward: bool) {
        let end = self.begin.elapsed();
        let mut events = self.events.lock().expect("no observer panics while it holds the lock");
        let start = events.last().map_or(Duration::ZERO, |event: &Event| event.end);
        events.push(Event { index, backward, start, end });
    }
}

impl Observer for Times {
    fn recorded(&mut self, event: &Recorded<'_>) {
        self.event(event.index, false);
    }

    fn differentiated(&mut self, event: &Differentiated<'_>) {
        self.event(event.index, true);
    }
}

/// A node of a step: what a table says about it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) index: usize,
    pub(crate) call: String,
    pub(crate) name: String,
    pub(crate) inputs: Vec<usize>,
    pub(crate) shape: String,
    pub(crate) bytes: usize,
    pub(crate) forward: Option<Duration>,
    pub(crate) backward: Option<Duration>,
    /// Euclidean length of the gradient.
    pub(crate) norm: Option<f64>,
}

/// One training step as it happened.
pub(crate) struct Step {
    pub(crate) title: String,
    pub(crate) loss: f64,
    pub(crate) rows: Vec<Row>,
    pub(crate) events: Vec<Event>,
}

fn observer() -> (Box<dyn Observer>, Arc<Mutex<Vec<Event>>>) {
    let events = Arc::new(Mutex::new(Vec::with_capacity(1024)));
    (Box::new(Times { begin: Instant::now(), events: events.clone() }), events)
}

fn rows(tape: &Tape, events: &[Event], name: impl Fn(usize) -> Option<String>) -> Vec<Row> {
    let took = |index: usize, backward: bool| {
        let event = events.iter().find(|event| event.index == index && event.backward == backward)?;
        Some(event.end - event.start)
    };
    let nodes = tape.nodes().map(|node| Row {
        index: node.index,
        call: node.call(),
        name: name(node.index).or(node.name.map(String::from)).unwrap_or_else(|| node.scope.to_string()),
        inputs: node.inputs.clone(),
        shape: node.shape.to_string(),
        bytes: size_of_val(node.value),
        forward: took(node.index, false),
        backward: took(node.index, true),
        norm: node.grad.as_ref().map(|grad| grad.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt()),
    });
    nodes.collect()
}

/// The step that the arguments ask for: of an example, or of a row of a specification after some steps of training.
pub(crate) fn step(args: &WhatArgs) -> anyhow::Result<Step> {
    let path = Path::new(&args.what);
    if path.extension().is_some_and(|extension| extension == "toml") {
        return of_specification(path, args);
    }
    let example = examples::find(&args.what)
        .map_err(|why| anyhow::anyhow!("{why}; a specification is a file that ends in .toml"))?;
    // Once without looking, so that code and memory are warm.
    example.graph(&[])?;
    let (observer, events) = observer();
    let graph = example.graph_observed(&[], Some(observer))?;
    let events = events.lock().expect("no observer panics while it holds the lock").clone();
    let name = |index: usize| {
        let node = graph.tape.nodes().nth(index)?;
        graph.name(&node).map(String::from)
    };
    Ok(Step {
        title: format!("{}: forward and backward pass", example.name),
        loss: f64::from(graph.tape.value(graph.loss)[0]),
        rows: rows(&graph.tape, &events, name),
        events,
    })
}

fn of_specification(path: &Path, args: &WhatArgs) -> anyhow::Result<Step> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let spec = Spec::parse(&text).with_context(|| path.display().to_string())?;
    let plan = Plan::new(&spec, &Overrides::default())?;
    let row = match &args.row {
        Some(row) => row.clone(),
        None => plan.row_names().next().context("the specification has no rows")?.to_string(),
    };
    let mut run = plan.begin(&row, 0)?;
    let mut done = 0;
    loop {
        run.begin_epoch()?;
        let steps = run.steps_per_epoch();
        for step in 0..steps {
            if done < args.after {
                run.step(step)?;
                done += 1;
                continue;
            }
            let (observer, events) = observer();
            run.observe(Some(observer));
            let loss = run.step(step)?;
            let events = events.lock().expect("no observer panics while it holds the lock").clone();
            return Ok(Step {
                title: format!("{}, row {row}: step {} on {}", spec.name, done + 1, plan.data().name),
                loss: f64::from(loss),
                rows: rows(run.tape(), &events, |_| None),
                events,
            });
        }
        run.end_epoch(0.0)?;
        anyhow::ensure!(!run.is_done(), "{row} has {done} steps only: --after must be less");
    }
}
