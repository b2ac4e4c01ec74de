//! `trace profile`: one training step in the format of Chrome's traces, which Perfetto opens.

use crate::cli::ProfileArgs;
use crate::observe::{self, Step};
use crate::output::write;
use lacuna::cli::{exit, screen};
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) fn command(args: &ProfileArgs) -> anyhow::Result<i32> {
    let text = serde_json::to_string(&trace(&observe::step(&args.what)?))?;
    match &args.out {
        None => screen::out(&(text + "\n"))?,
        Some(path) => write(path, args.force, &text)?,
    }
    Ok(exit::DONE)
}

/// An event of phase X (complete) for each node and pass; times are microseconds.
fn trace(step: &Step) -> Value {
    let us = |duration: Duration| duration.as_secs_f64() * 1e6;
    let event = |event: &observe::Event| {
        let row = &step.rows[event.index];
        json!({
            "name": row.call, "cat": if event.backward { "backward" } else { "forward" }, "ph": "X", "pid": 1, "tid": 1,
            "ts": us(event.start), "dur": us(event.end - event.start),
            "args": { "node": row.index, "name": row.name, "shape": row.shape, "inputs": row.inputs, "bytes": row.bytes },
        })
    };
    let events: Vec<Value> = step.events.iter().map(event).collect();
    json!({ "displayTimeUnit": "ns", "otherData": { "title": step.title, "loss": step.loss }, "traceEvents": events })
}
