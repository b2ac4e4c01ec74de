//! A model as an ONNX graph.
//!
//! ```text
//! features [rows, D] -> (x - mean, times scale, directions) -> (x / |x|) -> layers -> logits -> Sigmoid -> probabilities
//! ```
//! Steps in parentheses are nodes only where the model has them. The norm is computed in 64 bits, in which no square of a 32-bit
//! number is out of range and a sum of a thousand of them keeps all the bits that 32 have; a row of zeros stays one.

mod proto;

use super::file::input_in_words;
use super::{Model, ModelError};
use crate::{CnnSpec, Head, MlpSpec, Transform, Weights};
use lacuna_formats::{Destination, FormatError, write_atomic};
use proto::{Attribute, DOUBLE, FLOAT, Message, double, floats, integers, matrix, node};
use std::io;

/// Version of the operator set, of 2022: everything that a head needs has been there since, and every runtime has it.
const OPSET: i64 = 17;
/// Version of the file format that has this operator set.
const IR: i64 = 8;
/// Of PyTorch and of [`BatchNorm1d`](lacuna_nn::BatchNorm1d).
const BATCH_NORM_EPSILON: f32 = 1e-5;

impl Model {
    /// The model as an ONNX file, opset 17: input `features` `[rows, D]`, outputs `logits` and `probabilities` `[rows, C]`, of
    /// 32-bit floats. The metadata has the names of the classes and the thresholds, as JSON, and the input step in words, which
    /// the graph has as nodes.
    ///
    /// # Errors
    /// [`ModelError::Unfit`] for a model calibrated by a table, which is no layer.
    pub fn to_onnx(&self) -> Result<Vec<u8>, ModelError> {
        if self.calibration.is_some() {
            let problem = "isotonic calibration is a table beside the layers, which the ONNX graph does not have: export the \
                           model that it was made from, or calibrate by temperature or platt, which are in the weights";
            return Err(ModelError::Unfit(problem.to_string()));
        }
        let mut graph = Graph::default();
        let mut x = graph.transform("features", &self.input.transform, self.features);
        if self.input.normalise {
            x = graph.l2(&x, "normalise");
        }
        let x = match &self.head {
            Head::Linear | Head::Cosine => x,
            Head::Mlp(mlp) => graph.hidden(x, mlp, &self.weights)?,
            Head::Cnn(cnn) => graph.convolutions(x, cnn, &self.weights)?,
        };
        let [.., weight, bias] = &self.weights[..] else {
            return Err(ModelError::Unfit("the head has no linear layer".to_string()));
        };
        graph.linear(&x, weight, bias, "logits");
        graph.push("Sigmoid", &["logits"], "probabilities", &[]);
        Ok(self.document(&graph))
    }

    /// Writes [`Model::to_onnx`].
    ///
    /// # Errors
    /// As for [`Model::to_onnx`]; [`ModelError::Format`] where the file exists or the file system refuses.
    pub fn save_onnx<'a>(&self, destination: impl Into<Destination<'a>>) -> Result<(), ModelError> {
        let destination = destination.into();
        let (bytes, path) = (self.to_onnx()?, destination.path().to_path_buf());
        write_atomic(destination, |file| file.write_all(&bytes)).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => FormatError::Exists { path }.into(),
            _ => FormatError::Io { path, source }.into(),
        })
    }

    /// ModelProto: ir_version 1, producer_name 2, producer_version 3, graph 7, opset_import 8, metadata_props 14.
    /// GraphProto: node 1, name 2, initializer 5, input 11, output 12.
    fn document(&self, graph: &Graph) -> Vec<u8> {
        let classes = self.classes.len();
        let of_graph = graph.nodes.iter().fold(Message::default(), |message, node| message.message(1, node));
        let of_graph = graph.values.iter().fold(of_graph.text(2, "head"), |m, value| m.message(5, value));
        let of_graph = of_graph
            .message(11, &matrix("features", self.features))
            .message(12, &matrix("logits", classes))
            .message(12, &matrix("probabilities", classes));
        let json = |value: serde_json::Result<String>| value.expect("names and numbers turn into JSON");
        let thresholds = self.thresholds.clone().unwrap_or_else(|| vec![0.5; classes]);
        let metadata = [
            ("classes", json(serde_json::to_string(&self.classes))),
            ("thresholds", json(serde_json::to_string(&thresholds))),
            ("input", format!("{} (in the graph)", input_in_words(&self.input))),
            ("head", self.head.to_string()),
            ("loss", self.trained.loss.clone()),
            ("version", format!("lacuna {}", self.version)),
        ];
        let message = Message::default()
            .int(1, IR)
            .text(2, "lacuna")
            .text(3, &self.version)
            .message(7, &of_graph)
            .message(8, &Message::default().text(1, "").int(2, OPSET));
        let entry = |(key, value): &(&str, String)| Message::default().text(1, key).text(2, value);
        metadata.iter().fold(message, |message, pair| message.message(14, &entry(pair))).0
    }
}

/// Nodes and constants of a graph.
#[derive(Default)]
struct Graph {
    nodes: Vec<Message>,
    values: Vec<Message>,
}

impl Graph {
    fn push(&mut self, op: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute)]) -> String {
        self.nodes.push(node(op, inputs, output, attributes));
        output.to_string()
    }

    fn constant(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        self.values.push(floats(name, dims, values));
        name.to_string()
    }

    fn transform(&mut self, x: &str, transform: &Transform, features: usize) -> String {
        let mut x = x.to_string();
        if transform.l2 {
            x = self.l2(&x, "l2");
        }
        if !transform.mean.is_empty() {
            let mean = self.constant("mean", &[features], &transform.mean);
            x = self.push("Sub", &[&x, &mean], "centred", &[]);
        }
        if !transform.scale.is_empty() {
            let scale = self.constant("scale", &[features], &transform.scale);
            x = self.push("Mul", &[&x, &scale], "scaled", &[]);
        }
        if !transform.components.is_empty() {
            let kept = transform.components.len() / features;
            let directions = super::torch::transposed(&transform.components, kept, features);
            let directions = self.constant("directions", &[features, kept], &directions);
            x = self.push("MatMul", &[&x, &directions], "projected", &[]);
        }
        x
    }

    /// x / |x|; the divisor of a row of zeros is replaced.
    fn l2(&mut self, x: &str, name: &str) -> String {
        let of = |part: &str| format!("{name}.{part}");
        let to = |kind: i64| [("to", Attribute::Int(kind))];
        let (axis, least) = (of("axis"), of("least"));
        self.values.push(integers(&axis, &[1]));
        self.values.push(double(&least, f64::MIN_POSITIVE));
        let wide = self.push("Cast", &[x], &of("wide"), &to(DOUBLE));
        let squares = self.push("Mul", &[&wide, &wide], &of("squares"), &[]);
        let keep = [("keepdims", Attribute::Int(1))];
        let sum = self.push("ReduceSum", &[&squares, &axis], &of("sum"), &keep);
        let norm = self.push("Sqrt", &[&sum], &of("norm"), &[]);
        let divisor = self.push("Max", &[&norm, &least], &of("divisor"), &[]);
        let unit = self.push("Div", &[&wide, &divisor], &of("unit"), &[]);
        self.push("Cast", &[&unit], &of("unit32"), &to(FLOAT))
    }

    /// x W + b with W `[D, H]`, as the tape has it.
    fn linear(&mut self, x: &str, weight: &Weights, bias: &Weights, output: &str) -> String {
        let w = self.constant(&weight.name, &weight.shape, &weight.values);
        let b = self.constant(&bias.name, &bias.shape, &bias.values);
        self.push("Gemm", &[x, &w, &b], output, &[])
    }

    fn hidden(&mut self, x: String, mlp: &MlpSpec, weights: &[Weights]) -> Result<String, ModelError> {
        let (mut x, mut module) = (x, 0);
        for _ in &mlp.hidden {
            let (weight, bias) = (of(weights, module, "weight")?, of(weights, module, "bias")?);
            x = self.linear(&x, weight, bias, &format!("{module}.linear"));
            module += 1;
            if mlp.batch_norm {
                let mut inputs = vec![x.clone()];
                for part in ["weight", "bias", "running_mean", "running_var"] {
                    let part = of(weights, module, part)?;
                    inputs.push(self.constant(&part.name, &part.shape, &part.values));
                }
                let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
                let epsilon = [("epsilon", Attribute::Float(BATCH_NORM_EPSILON))];
                x = self.push("BatchNormalization", &inputs, &format!("{module}.normalised"), &epsilon);
                module += 1;
            }
            if mlp.activation != "none" {
                x = self.activation(&x, &mlp.activation, module)?;
                module += 1;
            }
            module += usize::from(mlp.dropout > 0.0);
        }
        Ok(x)
    }

    fn activation(&mut self, x: &str, name: &str, module: usize) -> Result<String, ModelError> {
        let output = format!("{module}.active");
        let op = match name {
            "relu" => "Relu",
            "tanh" => "Tanh",
            "sigmoid" => "Sigmoid",
            "gelu" => {
                // x/2 (1 + erf(x / sqrt 2)): Gelu is an operator from opset 20 on.
                let part = |part: &str| format!("{module}.{part}");
                let root = self.constant(&part("root"), &[1], &[std::f32::consts::FRAC_1_SQRT_2]);
                let one = self.constant(&part("one"), &[1], &[1.0]);
                let half = self.constant(&part("half"), &[1], &[0.5]);
                let scaled = self.push("Mul", &[x, &root], &part("scaled"), &[]);
                let erf = self.push("Erf", &[&scaled], &part("erf"), &[]);
                let sum = self.push("Add", &[&erf, &one], &part("sum"), &[]);
                let product = self.push("Mul", &[x, &sum], &part("product"), &[]);
                return Ok(self.push("Mul", &[&product, &half], &output, &[]));
            }
            other => return Err(ModelError::Unfit(format!("the activation {other} has no ONNX node here"))),
        };
        Ok(self.push(op, &[x], &output, &[]))
    }

    fn convolutions(&mut self, x: String, cnn: &CnnSpec, weights: &[Weights]) -> Result<String, ModelError> {
        let Some([channels, height, width]) = cnn.image else {
            return Err(ModelError::Unfit("the shape of the pictures is not known".to_string()));
        };
        let picture = [-1, channels as i64, height as i64, width as i64];
        self.values.push(integers("picture_shape", &picture));
        let mut x = self.push("Reshape", &[&x, "picture_shape"], "picture", &[]);
        let pixels = |values: &[i64]| Attribute::Ints(values.to_vec());
        for layer in 0..cnn.channels.len() {
            let module = 1 + 3 * layer;
            let (kernel, bias) = (of(weights, module, "weight")?, of(weights, module, "bias")?);
            let w = self.constant(&kernel.name, &kernel.shape, &kernel.values);
            let b = self.constant(&bias.name, &[bias.values.len()], &bias.values);
            let same = [("kernel_shape", pixels(&[3, 3])), ("pads", pixels(&[1, 1, 1, 1]))];
            x = self.push("Conv", &[&x, &w, &b], &format!("{module}.convolved"), &same);
            x = self.push("Relu", &[&x], &format!("{}.active", module + 1), &[]);
            let halved = [("kernel_shape", pixels(&[2, 2])), ("strides", pixels(&[2, 2]))];
            x = self.push("MaxPool", &[&x], &format!("{}.pooled", module + 2), &halved);
        }
        Ok(self.push("Flatten", &[&x], "flat", &[("axis", Attribute::Int(1))]))
    }
}

/// The weight of a numbered module.
fn of<'a>(weights: &'a [Weights], module: usize, part: &str) -> Result<&'a Weights, ModelError> {
    let name = format!("{module}.{part}");
    let missing = || ModelError::Unfit(format!("the head has no `{name}`"));
    weights.iter().find(|weights| weights.name == name).ok_or_else(missing)
}

#[cfg(test)]
mod tests;
