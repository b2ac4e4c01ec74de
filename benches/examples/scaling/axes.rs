//! The axes, and what is made of the samples of their points.

use crate::point::{Kind, Point};
use lacuna_benches::training::{CLASSES, FEATURES};
use lacuna_benches::{REFERENCE_PEAK, median};
use serde_json::Value;

/// Points that differ in one number.
pub(crate) struct Axis {
    /// As a heading.
    pub(crate) name: &'static str,
    /// The number, above its column.
    pub(crate) size: fn(&Point) -> usize,
    /// The exponent of time that is expected, where it is one number.
    pub(crate) expected: Option<f64>,
    /// What is expected, and why.
    pub(crate) why: &'static str,
    pub(crate) points: Vec<Point>,
}

pub(crate) fn axes(quick: bool) -> Vec<Axis> {
    const BASE: Point = Point::BASE;
    let runs = |sizes: &[usize], at: fn(usize) -> Point| sizes.iter().map(|&size| at(size)).collect();
    let classes = [20, 40, 80, 160, 320, 640, 10_000];
    vec![
        Axis {
            name: "rows",
            size: |point| point.rows,
            expected: Some(1.0),
            why: "Expected: 1. An epoch has a step for each batch, and the features are most of the memory.",
            points: runs(&[1, 2, 4, 8], |times| Point { rows: times * BASE.rows, ..BASE }),
        },
        Axis {
            name: "features",
            size: |point| point.features,
            expected: Some(1.0),
            why: "Expected: 1. Products, Adam and the copies of a batch are in proportion to the features; the loss is not, and \
                  shows where there are few.",
            points: runs(&[256, 512, 1_024, 2_048], |features| Point { features, ..BASE }),
        },
        Axis {
            name: "classes",
            size: |point| point.classes,
            expected: Some(1.0),
            why: "Expected: 1 for time. The copies of a batch are not in proportion to the classes, and products with few columns \
                  do not fill the vectors, so that few classes cost more than their share. Memory: the features stay, labels (a \
                  byte for each cell) and parameters grow, so below 1.",
            points: runs(&classes[..if quick { 6 } else { 7 }], |classes| Point { classes, ..BASE }),
        },
        Axis {
            name: "batch",
            size: |point| point.batch,
            expected: None,
            why: "Expected: an epoch gets cheaper, since Adam passes over the parameters once a step, until the products are nearly \
                  all of it; from there on 0. Memory: 0 but for the batch itself.",
            points: runs(&[8, 16, 32, 64, 128, 256, 512, 1_024], |batch| Point { batch, ..BASE }),
        },
        Axis {
            name: "runs at once",
            size: |point| point.threads,
            expected: Some(-1.0),
            why: "Runs on the same data, each on a thread of its own, as studies and grids are spread over the cores. Time is that of \
                  an epoch divided by the runs. Expected: -1; runs share nothing but the memory bus and the third-level cache. \
                  Memory: 0 but for the parameters, since the data is shared.",
            points: runs(&[1, 2], |threads| Point { threads, ..BASE }),
        },
        Axis {
            name: "cores of a step, batch 128",
            size: |point| point.threads,
            expected: Some(-1.0),
            why: "One step on several threads: 2048 -> 80, as many steps as 8,192 rows have. Expected: -1 at best; here a step takes \
                  about a millisecond, of which starting and joining the threads is a part.",
            points: steps(128),
        },
        Axis {
            name: "cores of a step, batch 1024",
            size: |point| point.threads,
            expected: Some(-1.0),
            why: "The same with a batch of 1,024 rows. Expected: -1.",
            points: steps(1_024),
        },
    ]
}

fn steps(batch: usize) -> Vec<Point> {
    let point = |threads| Point {
        kind: Kind::Steps,
        threads,
        batch,
        features: FEATURES,
        classes: CLASSES,
        ..Point::BASE
    };
    [1, 2].map(point).to_vec()
}

/// Epochs of a point in all rounds.
#[derive(Default)]
pub(crate) struct Sample {
    seconds: Vec<f64>,
    at_reference: Vec<f64>,
    peaks: Vec<f64>,
    memory: Vec<f64>,
}

impl Sample {
    /// Takes in what the process of the point answered.
    pub(crate) fn add(&mut self, answer: &Value) {
        let numbers = |name: &str| -> Vec<f64> {
            answer[name].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
        };
        for (seconds, peak) in numbers("seconds").into_iter().zip(numbers("peaks")) {
            self.seconds.push(seconds);
            self.at_reference.push(seconds * peak / REFERENCE_PEAK);
            self.peaks.push(peak);
        }
        self.memory.extend(answer["memory"].as_f64());
    }

    pub(crate) fn measured(&self, empty: Option<f64>) -> Measured {
        Measured {
            seconds: median(&self.seconds),
            at_reference: median(&self.at_reference),
            peak: median(&self.peaks),
            epochs: self.seconds.len(),
            memory: (!self.memory.is_empty())
                .then(|| median(&self.memory))
                .zip(empty)
                .map(|(all, empty)| (all - empty).max(1.0)),
        }
    }
}

/// Medians of a point.
pub(crate) struct Measured {
    /// Seconds of an epoch.
    pub(crate) seconds: f64,
    /// The same at the reference peak.
    pub(crate) at_reference: f64,
    /// GF/s of one core.
    pub(crate) peak: f64,
    pub(crate) epochs: usize,
    /// Peak memory minus that of an empty process, in bytes.
    pub(crate) memory: Option<f64>,
}

/// A power law a x^b through points, by least squares of the logarithms.
#[derive(Clone, Copy)]
pub(crate) struct Power {
    pub(crate) factor: f64,
    pub(crate) exponent: f64,
}

impl Power {
    pub(crate) fn through(points: &[(f64, f64)]) -> Self {
        let n = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
        let (x, y) = (mean(|p| p.0.ln()), mean(|p| p.1.ln()));
        let covariance: f64 = points.iter().map(|p| (p.0.ln() - x) * (p.1.ln() - y)).sum();
        let variance: f64 = points.iter().map(|p| (p.0.ln() - x).powi(2)).sum();
        let exponent = covariance / variance;
        Self { factor: (y - exponent * x).exp(), exponent }
    }

    pub(crate) fn at(self, x: f64) -> f64 {
        self.factor * x.powf(self.exponent)
    }
}
