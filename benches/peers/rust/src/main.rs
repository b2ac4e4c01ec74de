//! Training steps of candle and of burn, the same that `benches/examples/ours.rs` measures, on the same numbers: a line of JSON
//! for each row.
//!
//! ```sh
//! RAYON_NUM_THREADS=2 cargo run --release -- burn linear cnn/16 --threads 2 --seconds 0.5
//! ```
//! Both libraries read the number of threads from `RAYON_NUM_THREADS`, so `--threads` has to say the same.

#[path = "../../../pattern.rs"]
mod pattern;
mod with_burn;
mod with_candle;

use std::time::Instant;

const FEATURES: usize = 2048;
const HIDDEN: usize = 512;
const CLASSES: usize = 80;
const PICTURE_CLASSES: usize = 20;

/// Inputs and outputs of the layers of a network.
#[derive(Clone, Copy, PartialEq)]
enum Net {
    /// 2048 -> 80.
    Linear,
    /// 2048 -> 512 -> 80 with ReLU.
    Mlp,
    /// 3 x 32 x 32, convolutions 3 x 3 to 32 and 64 channels, each with ReLU and max-pool 2 x 2, linear 4096 -> 20.
    Cnn,
}

/// A network, its batch and its optimiser.
trait Steps {
    /// Forward, loss, backward, Adam.
    fn step(&mut self);
    /// The same, and the loss before it.
    fn step_and_loss(&mut self) -> f64;
}

/// Parameter number `at` of a network.
fn parameter(at: u32, len: usize) -> Vec<f32> {
    pattern::series(len, pattern::PARAMETERS + at).into_iter().map(|w| 0.1 * w).collect()
}

/// Labels of the linear network and the perceptron: 1 for 4 % of the cells.
fn labels(batch: usize) -> Vec<u8> {
    (0..batch * CLASSES).map(|i| u8::from(pattern::is_positive(i, 0.04))).collect()
}

/// Classes of pictures.
fn targets(batch: usize) -> Vec<u32> {
    (0..batch as u32).map(|i| i * 7 % PICTURE_CLASSES as u32).collect()
}

fn measure(peer: &str, row: &str, batch: usize, mut steps: Box<dyn Steps>, threads: usize, least: f64) {
    let start = Instant::now();
    (0..if batch > 128 { 1 } else { 5 }).for_each(|_| steps.step());
    let value = steps.step_and_loss();
    while start.elapsed().as_secs_f64() < 0.2 * least {
        steps.step();
    }
    let (mut seconds, start) = (Vec::new(), Instant::now());
    while seconds.is_empty() || start.elapsed().as_secs_f64() < least {
        let begin = Instant::now();
        steps.step();
        seconds.push(begin.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let (median, minimum, samples) = (seconds[seconds.len() / 2], seconds[0], seconds.len());
    println!(
        "{{\"peer\": \"{peer}\", \"row\": \"{row}\", \"threads\": {threads}, \"seconds\": {median:e}, \
         \"minimum\": {minimum:e}, \"samples\": {samples}, \"values\": [{value}]}}"
    );
}

fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let peer = arguments.next().unwrap_or_default();
    let new: fn(Net, usize) -> Box<dyn Steps> = match peer.as_str() {
        "candle" => with_candle::new,
        "burn" => with_burn::new,
        _ => return Err("usage: lacuna-peers candle|burn [ROW...] [--threads N] [--seconds S]".to_string()),
    };
    let (mut words, mut threads, mut seconds) = (Vec::new(), 1, 0.5);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            arguments.next().and_then(|x| x.parse::<f64>().ok()).ok_or(format!("{argument} needs a number"))
        };
        match argument.as_str() {
            "--threads" => threads = number()? as usize,
            "--seconds" => seconds = number()?,
            _ => words.push(argument),
        }
    }
    let set = std::env::var("RAYON_NUM_THREADS").ok().and_then(|count| count.parse().ok());
    if set != Some(threads) {
        return Err(format!(
            "set RAYON_NUM_THREADS={threads}: both libraries take the number of threads from it"
        ));
    }
    for (name, net) in [("linear", Net::Linear), ("mlp", Net::Mlp), ("cnn", Net::Cnn)] {
        for batch in [16, 128, 1024] {
            let row = format!("{name}/{batch}");
            if words.is_empty() || words.iter().any(|word| *word == row || word == name) {
                measure(&peer, &row, batch, new(net, batch), threads, seconds);
            }
        }
    }
    Ok(())
}
