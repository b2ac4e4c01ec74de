//! Learns exclusive or with four hidden units and plain gradient descent.
//!
//! Run with `cargo run --release -p lacuna-engine --example xor`; with the name of a file, the picture of what was learnt is written there.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows its numbers")]

use lacuna_engine::{Grad, Tape, Tensor, Var};

/// The four points and what is to be learnt of each.
const POINTS: [f32; 8] = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
const TARGETS: [f32; 4] = [0.0, 1.0, 1.0, 0.0];

/// Two inputs, four hidden units, one logit.
struct Net {
    tape: Tape,
    w1: Var,
    b1: Var,
    w2: Var,
    b2: Var,
}

impl Net {
    fn new() -> Self {
        let start = |n: usize, phase: f32| (0..n).map(|i| (i as f32 * 2.3 + phase).sin()).collect();
        let mut tape = Tape::new();
        let w1 = tape.param("hidden.weight", Tensor::new([2, 4], start(8, 0.3)));
        let b1 = tape.param("hidden.bias", Tensor::zeros([4]));
        let w2 = tape.param("output.weight", Tensor::new([4, 1], start(4, 1.1)));
        let b2 = tape.param("output.bias", Tensor::zeros([1]));
        tape.seal();
        Self { tape, w1, b1, w2, b2 }
    }

    /// Records the logits of points.
    fn logits(&mut self, points: &[f32]) -> Var {
        let Self { tape, w1, b1, w2, b2 } = self;
        let (w1, b1, w2, b2) = (*w1, *b1, *w2, *b2);
        tape.reset();
        let x = tape.input([points.len() / 2, 2], points);
        let h = tape.matmul(x, w1);
        let h = tape.add(h, b1);
        let h = tape.tanh(h);
        let z = tape.matmul(h, w2);
        tape.add(z, b2)
    }

    /// The probabilities of points.
    fn probabilities(&mut self, points: &[f32]) -> Vec<f32> {
        let z = self.logits(points);
        let p = self.tape.sigmoid(z);
        self.tape.value(p).to_vec()
    }

    /// One step of gradient descent; the loss before it.
    fn step(&mut self, rate: f32) -> f32 {
        let z = self.logits(&POINTS);
        let tape = &mut self.tape;
        let y = tape.input([4, 1], &TARGETS);
        // binary cross-entropy: softplus(z) - y z
        let (all, yz) = (tape.softplus(z), tape.mul(y, z));
        let entries = tape.sub(all, yz);
        let loss = tape.mean(entries);
        tape.backward(loss);
        tape.update_entries(|_, entry| {
            if let Some(Grad::Dense(g)) = entry.grad {
                for (w, g) in entry.value.iter_mut().zip(g) {
                    *w -= rate * g;
                }
            }
        });
        tape.value(loss)[0]
    }
}

fn trained(mut report: impl FnMut(usize, f32, Vec<f32>)) -> Net {
    let mut net = Net::new();
    for step in 0..=2000 {
        if step % 500 == 0 {
            let p = net.probabilities(&POINTS);
            let z = net.step(0.5);
            report(step, z, p);
        } else {
            net.step(0.5);
        }
    }
    net
}

/// From orange at 0 over white to blue at 1, in twenty steps, which hide the last bits of a probability.
fn colour(p: f32) -> String {
    let towards = |to: [f32; 3], by: f32| to.map(|c| (255.0 + (c - 255.0) * by).round() as u8);
    let [r, g, b] = match (p * 20.0).round() / 20.0 {
        p if p < 0.5 => towards([230.0, 120.0, 20.0], 1.0 - 2.0 * p),
        p => towards([30.0, 100.0, 200.0], 2.0 * p - 1.0),
    };
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// The square from -0.5 to 1.5 both ways: cells shaded by probability, the line where it is one half, the four points.
fn picture(net: &mut Net) -> String {
    const CELLS: usize = 40;
    const SIZE: f32 = 8.0;
    let place = |i: f32| -0.5 + 2.0 * i / CELLS as f32;
    // Corners of cells row by row, from the top.
    let corners: Vec<f32> = (0..=CELLS)
        .flat_map(|row| (0..=CELLS).flat_map(move |col| [place(col as f32), place((CELLS - row) as f32)]))
        .collect();
    let p = net.probabilities(&corners);
    let at = |row: usize, col: usize| p[row * (CELLS + 1) + col];
    let side = CELLS as f32 * SIZE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" width=\"{side}\" height=\"{side}\" \
         font-family=\"sans-serif\" font-size=\"14\">\n"
    );
    let mut line = String::new();
    // Cells of one colour beside each other are one box.
    let mut open: Option<(String, f32, f32, f32)> = None;
    let close = |open: Option<(String, f32, f32, f32)>| match open {
        Some((fill, x, y, width)) => {
            format!("<path fill=\"{fill}\" d=\"M{x} {y}h{width}v{SIZE}h-{width}z\"/>\n")
        }
        None => String::new(),
    };
    for (row, col) in (0..CELLS).flat_map(|row| (0..CELLS).map(move |col| (row, col))) {
        let corner = [at(row, col), at(row, col + 1), at(row + 1, col + 1), at(row + 1, col)];
        let fill = colour(corner.iter().sum::<f32>() / 4.0);
        let (x, y) = (col as f32 * SIZE, row as f32 * SIZE);
        match &mut open {
            Some((before, _, above, width)) if *before == fill && *above == y => *width += SIZE,
            _ => svg += &close(open.replace((fill, x, y, SIZE))),
        }
        // Where an edge of the cell crosses one half, by linear interpolation.
        let sides = [(0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 1.0, 1.0), (1.0, 1.0, 0.0, 1.0), (0.0, 1.0, 0.0, 0.0)];
        let crossing = |i: usize| {
            let (from, to) = (corner[i] - 0.5, corner[(i + 1) % 4] - 0.5);
            let (x0, y0, x1, y1) = sides[i];
            let t = from / (from - to);
            let crosses = (from < 0.0) != (to < 0.0);
            crosses.then_some((x + SIZE * (x0 + t * (x1 - x0)), y + SIZE * (y0 + t * (y1 - y0))))
        };
        let ends: Vec<(f32, f32)> = (0..4).filter_map(crossing).collect();
        for pair in ends.chunks_exact(2) {
            line += &format!("M{:.1} {:.1}L{:.1} {:.1}", pair[0].0, pair[0].1, pair[1].0, pair[1].1);
        }
    }
    svg += &close(open);
    svg += &format!("<path fill=\"none\" stroke=\"black\" stroke-width=\"2\" d=\"{line}\"/>\n");
    for (point, target) in POINTS.chunks_exact(2).zip(TARGETS) {
        let x = (point[0] + 0.5) / 2.0 * side;
        let y = side - (point[1] + 0.5) / 2.0 * side;
        let fill = if target == 1.0 { "#1e64c8" } else { "#e67814" };
        svg += &format!(
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"7\" fill=\"{fill}\" stroke=\"white\" stroke-width=\"2\"/>\n"
        );
        svg += &format!(
            "<text fill=\"white\" text-anchor=\"end\" x=\"{}\" y=\"{}\">({}, {}) is {target}</text>\n",
            x - 12.0,
            y + 5.0,
            point[0],
            point[1]
        );
    }
    svg + "</svg>\n"
}

fn main() -> std::io::Result<()> {
    let mut net = trained(|step, loss, p| println!("step {step:>4}  loss {loss:.5}  p {p:.3?}"));
    match std::env::args().nth(1) {
        Some(path) => std::fs::write(path, picture(&mut net)),
        None => Ok(()),
    }
}

#[test]
fn all_four_points_are_learnt() {
    let mut net = trained(|_, _, _| {});
    for (p, y) in net.probabilities(&POINTS).iter().zip(TARGETS) {
        assert!((p - y).abs() < 0.05, "{p} for {y}");
    }
}

/// The picture of the page on autograd is what this example draws. The last bits differ without fused multiply-adds.
#[test]
#[cfg(target_feature = "fma")]
fn the_picture_of_the_page_is_this_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/xor.svg");
    let drawn = picture(&mut trained(|_, _, _| {}));
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        drawn,
        "docs/xor.svg is old: see the first lines of this example"
    );
}
