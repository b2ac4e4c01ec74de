//! What must not change the bits of a run: measuring it, and what runs beside it. Transforms and heads in every pair.

use crate::data::{Case, FEATURES, Known, Set, procedures};
use crate::steps::saved;
use lacuna_labels::Features;
use lacuna_train::{
    CnnSpec, Data, EvalSet, Head, MlpSpec, Named, Outcome, PROCEDURES, Run, TRANSFORMS, TrainSet, Training,
    Transform,
};
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn measuring_a_run_leaves_its_bits_as_they_are() {
    for case in procedures() {
        // A phase that starts from the best weights is one that is decided by the validation rows.
        let one_phase = case.training.phases.is_empty();
        let run = |data: Data<'_>| {
            let mut run = Run::new(data, &case.training, &case.evaluation(), case.choice(), 3).unwrap();
            let mut bits = Vec::new();
            for _ in 0..if one_phase { 4 } else { 3 } {
                let loss = run.epoch().unwrap().loss.to_bits();
                let kept = ["entry/", "ema/", "optimizer/"].map(|prefix| floats(&run, prefix));
                bits.push((loss, kept));
            }
            bits
        };
        let data = case.set.data();
        let measured = run(data);
        assert_eq!(measured, run(Data { val: None, test: None, ..data }), "{} {}", case.name, case.loss);
    }
}

/// Bits of every f32 number under a prefix.
fn floats(run: &Run<'_>, prefix: &str) -> Vec<(String, Vec<u32>)> {
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect();
    saved(run, prefix).into_iter().map(|(name, values)| (name, bits(values))).collect()
}

fn to_the_end(case: &Case) -> Outcome {
    let mut run = Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 5).unwrap();
    while !run.is_done() {
        run.epoch().unwrap();
    }
    run.finish().unwrap()
}

/// Metrics, losses of epochs and every bit of the weights of every procedure, trained by so many threads at the same time.
fn all(cases: &[Case], threads: usize) -> Vec<(usize, String)> {
    let bits = |outcome: Outcome| {
        let weights: Vec<Vec<u32>> =
            outcome.weights.iter().map(|w| w.values.iter().map(|x| x.to_bits()).collect()).collect();
        format!("{:?} {:?} {:?} {weights:?}", outcome.metrics, outcome.epochs, outcome.report)
    };
    let next = AtomicUsize::new(0);
    let mut outcomes: Vec<_> = std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                let Some(case) = cases.get(i) else { return done };
                done.push((i, bits(to_the_end(case))));
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    outcomes.sort_by_key(|(i, _)| *i);
    outcomes
}

#[test]
fn what_runs_beside_a_run_leaves_its_bits_as_they_are() {
    let cases = procedures();
    for row in PROCEDURES {
        // As the procedure of a run or of a phase.
        let quoted = format!("{:?}", row.name);
        let has = |case: &Case| format!("{:?}", case.training).contains(&quoted);
        assert!(
            cases.iter().any(has),
            "the procedure `{}` has no case in bins/train/tests/train/data.rs",
            row.name
        );
    }
    let one = all(&cases, 1);
    assert_eq!(one.len(), cases.len());
    for threads in [1, 2, 3, 4, 8] {
        for _ in 0..3 {
            for ((i, ours), (_, theirs)) in all(&cases, threads).iter().zip(&one) {
                assert_eq!(ours, theirs, "{} {}, {threads} threads", cases[*i].name, cases[*i].loss);
            }
        }
    }
}

/// The width of vectors is chosen once in a process, so narrow ones are run in another.
#[test]
fn every_procedure_has_the_same_bits_in_vectors_of_any_width() {
    let digest = |level: Option<&str>| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args([
            "--ignored",
            "--exact",
            "unchanged::prints_the_bits_of_every_procedure",
            "--nocapture",
        ]);
        match level {
            Some(level) => command.env("LACUNA_SIMD", level),
            None => command.env_remove("LACUNA_SIMD"),
        };
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // On one core the name of the test stands before it.
        let line = text.lines().find_map(|line| line.split_once("bits: ").map(|(_, bits)| bits.to_owned()));
        line.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
    };
    let wide = digest(None);
    assert_eq!(digest(Some("avx2")), wide);
    println!("{} cases of {} procedures with equal bits", procedures().len(), PROCEDURES.len());
}

#[test]
#[ignore = "a part of every_procedure_has_the_same_bits_in_vectors_of_any_width"]
fn prints_the_bits_of_every_procedure() {
    println!("bits: {:?}", all(&procedures(), 2));
}

#[test]
fn every_head_learns_after_every_transform() {
    let set = Set::new(Known::All);
    let data = set.data();
    let heads = [
        Head::Linear,
        Head::Mlp(MlpSpec::plain(vec![24])),
        Head::Mlp(MlpSpec { batch_norm: true, dropout: 0.1, ..MlpSpec::plain(vec![24, 16]) }),
        Head::Cosine,
        // Rows as pictures of one channel, 3 x 4.
        Head::Cnn(CnnSpec { image: Some([1, 3, 4]), channels: vec![16] }),
    ];
    for row in TRANSFORMS {
        let mut named = Named::new(row.name);
        if row.name == "pca" {
            named = named.set("components", 9.0).set("whiten", 1.0);
        }
        let transform = Transform::fit(&named, &set.features, &set.rows).unwrap();
        let features: Features = transform.apply(&set.features);
        assert_eq!(features.columns(), if row.name == "pca" { 9 } else { FEATURES });
        assert_eq!(transform.is_none(), row.name == "none");
        for head in &heads {
            let training = Training {
                head: head.clone(),
                transform: named.clone(),
                batch: 12,
                epochs: 40,
                lr: 0.02,
                ..Training::default()
            };
            let case = Case { name: "plain".to_string(), set: Set::new(Known::All), training, loss: "bce" };
            let data = Data {
                train: TrainSet { features: (&features).into(), ..data.train },
                val: data.val.map(|val| EvalSet { features: (&features).into(), ..val }),
                test: data.test.map(|test| EvalSet { features: (&features).into(), ..test }),
                ..data
            };
            let started = Run::new(data, &case.training, &case.evaluation(), case.choice(), 0);
            if matches!(head, Head::Cnn(_)) && row.name == "pca" {
                let error = started.err().map(|error| error.to_string()).unwrap_or_default();
                assert!(error.contains("do not have as many numbers as a row, which has 9"), "{error}");
                continue;
            }
            let mut run = started.unwrap_or_else(|error| panic!("{head} after {}: {error}", row.name));
            while !run.is_done() {
                run.epoch().unwrap();
            }
            let map = run.finish().unwrap().metrics["map"].value.unwrap();
            assert!(map > 60.0, "{head} after {}: {map}", row.name);
        }
    }
}
