//! A few steps of training: a small network given as text, its losses and final parameters.

use crate::case::{Array, Case, close};
use lacuna_engine::{ConvOptions, Shape, Tape, Tensor, Var, Window};
use lacuna_nn::{Adam, AdamConfig, Optimizer};

/// One layer of the text `conv(1->4,3x3,pad 1) relu maxpool2 flatten fc(54->5)`.
enum Layer {
    Conv { w: Var, b: Var, options: ConvOptions },
    Relu,
    MaxPool(usize),
    Flatten,
    Linear { w: Var, b: Var },
}

pub(crate) fn check(case: &Case) -> Result<(), String> {
    let text = case.param(&["net"]).and_then(|n| n.as_str()).ok_or("no `net`")?;
    let (net, loss) = text.split_once(';').ok_or("net; loss")?;
    if loss.trim() != "mean BCE with logits" {
        return Err(format!("the loss `{}` is not known", loss.trim()));
    }
    let mut tape = Tape::new();
    let inputs = case.arrays("inputs")?;
    let array = |name: &str| {
        let found = inputs.iter().find(|(n, _)| n == name);
        found.map(|(_, a)| a).ok_or_else(|| format!("input `{name}` is missing"))
    };
    let layers = layers(net, &mut tape, |name| array(name))?;
    tape.seal();
    let mut adam = Adam::new(AdamConfig { lr: case.required(&["lr"])? as f32, ..AdamConfig::default() });
    let losses = case.array("losses")?.data;
    for (step, exact) in losses.iter().enumerate().take(case.required(&["steps"])? as usize) {
        tape.reset();
        let (x, labels) = (array("x")?, array("labels")?);
        let x = tape.input(Shape::new(&x.shape), &x.f32());
        let z = layers.iter().fold(x, |x, layer| layer.forward(&mut tape, x));
        // softplus(z) - y z, the cross-entropy of sigma(z) against y
        let y = tape.input(Shape::new(&labels.shape), &labels.f32());
        let (softplus, yz) = (tape.softplus(z), tape.mul(z, y));
        let each = tape.sub(softplus, yz);
        let loss = tape.mean(each);
        tape.backward(loss);
        close(&format!("loss of step {step}"), tape.value(loss), &[*exact])?;
        adam.step(&mut tape);
    }
    let entries: Vec<_> = tape.entries().map(|e| (e.name.to_string(), e.value.to_vec())).collect();
    for (name, exact) in case.arrays("final")? {
        let (_, value) = entries.iter().find(|(n, _)| *n == name).ok_or(format!("no parameter `{name}`"))?;
        close(&format!("final {name}"), value, &exact.data)?;
    }
    Ok(())
}

/// Builds the layers; parameters are c1, b1, c2, b2, ... for convolutions and fc, fb for the linear layer.
fn layers<'a>(
    net: &str,
    tape: &mut Tape,
    array: impl Fn(&str) -> Result<&'a Array, String>,
) -> Result<Vec<Layer>, String> {
    let mut param = |name: &str| -> Result<Var, String> {
        let array = array(name)?;
        Ok(tape.param(name, Tensor::new(Shape::new(&array.shape), array.f32())))
    };
    let mut layers = Vec::new();
    let mut convolutions = 0;
    // "pad 1" and "stride 2" hold the only blanks inside a layer.
    for word in net.replace("pad ", "pad").replace("stride ", "stride").split_whitespace() {
        layers.push(match word.split_once('(') {
            Some(("conv", rest)) => {
                convolutions += 1;
                let mut options = ConvOptions::default();
                for part in rest.trim_end_matches(')').split(',') {
                    let number = |s: &str| s.parse().map_err(|e| format!("{part}: {e}"));
                    if let Some(padding) = part.strip_prefix("pad") {
                        options.padding = [number(padding)?; 2];
                    } else if let Some(stride) = part.strip_prefix("stride") {
                        options.stride = [number(stride)?; 2];
                    }
                }
                let (w, b) = (param(&format!("c{convolutions}"))?, param(&format!("b{convolutions}"))?);
                Layer::Conv { w, b, options }
            }
            Some(("fc", _)) => Layer::Linear { w: param("fc")?, b: param("fb")? },
            None if word == "relu" => Layer::Relu,
            None if word == "flatten" => Layer::Flatten,
            None if word.starts_with("maxpool") => {
                Layer::MaxPool(word["maxpool".len()..].parse().map_err(|e| format!("{word}: {e}"))?)
            }
            _ => return Err(format!("the layer `{word}` is not known")),
        });
    }
    Ok(layers)
}

impl Layer {
    fn forward(&self, tape: &mut Tape, x: Var) -> Var {
        match *self {
            Layer::Conv { w, b, options } => tape.conv2d(x, w, Some(b), options),
            Layer::Relu => tape.relu(x),
            Layer::MaxPool(size) => tape.max_pool2d(x, Window::square(size, size, 0)),
            Layer::Flatten => {
                let shape = tape.shape(x);
                let images = shape.sizes()[0];
                tape.reshape(x, [images, shape.len() / images])
            }
            Layer::Linear { w, b } => {
                let z = tape.matmul(x, w);
                tape.add(z, b)
            }
        }
    }
}
