//! A reader and an evaluator of their own, which know nothing of the writer.

use super::*;
use crate::{Fit, Named};
use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
use lacuna_protocols::Stream;
use std::collections::HashMap;
use std::process::Command;

/// A field: its number, and a varint or bytes.
enum Field<'a> {
    Number(u64, u64),
    Bytes(u64, &'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return value;
        }
        shift += 7;
    }
}

fn fields(mut bytes: &[u8]) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        match key & 7 {
            0 => found.push(Field::Number(key >> 3, varint(&mut bytes))),
            kind @ (2 | 5) => {
                let length = if kind == 5 { 4 } else { varint(&mut bytes) as usize };
                let (inside, rest) = bytes.split_at(length);
                found.push(Field::Bytes(key >> 3, inside));
                bytes = rest;
            }
            kind => panic!("kind {kind}"),
        }
    }
    found
}

fn bytes_of<'a>(message: &'a [u8], wanted: u64) -> Vec<&'a [u8]> {
    let of = |field: Field<'a>| match field {
        Field::Bytes(number, bytes) if number == wanted => Some(bytes),
        _ => None,
    };
    fields(message).into_iter().filter_map(of).collect()
}

fn numbers_of(message: &[u8], wanted: u64) -> Vec<i64> {
    let of = |field: Field<'_>| match field {
        Field::Number(number, value) if number == wanted => Some(value as i64),
        _ => None,
    };
    fields(message).into_iter().filter_map(of).collect()
}

fn texts_of(message: &[u8], wanted: u64) -> Vec<String> {
    bytes_of(message, wanted).into_iter().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()).collect()
}

#[derive(Clone)]
struct Tensor(Vec<usize>, Vec<f64>);

impl Tensor {
    /// Element by element, where the other one is a number, a row or a column.
    fn with(&self, other: &Tensor, f: impl Fn(f64, f64) -> f64) -> Tensor {
        let columns = *self.0.last().unwrap();
        let at = |i: usize| match other.1.len() {
            1 => other.1[0],
            len if len == self.1.len() => other.1[i],
            len if len == columns => other.1[i % columns],
            len if len * columns == self.1.len() => other.1[i / columns],
            len => panic!("{len} against {:?}", self.0),
        };
        Tensor(self.0.clone(), self.1.iter().enumerate().map(|(i, x)| f(*x, at(i))).collect())
    }

    fn map(&self, f: impl Fn(f64) -> f64) -> Tensor {
        Tensor(self.0.clone(), self.1.iter().map(|x| f(*x)).collect())
    }

    fn rows(&self, f: impl Fn(&[f64]) -> f64) -> Tensor {
        Tensor(vec![self.0[0], 1], self.1.chunks(self.0[1]).map(f).collect())
    }

    fn times(&self, other: &Tensor) -> Tensor {
        let (inner, columns) = (self.0[1], other.0[1]);
        assert_eq!(inner, other.0[0]);
        let cell = |row: usize, column: usize| -> f64 {
            (0..inner).map(|k| self.1[row * inner + k] * other.1[k * columns + column]).sum()
        };
        let cells = (0..self.0[0]).flat_map(|row| (0..columns).map(move |column| cell(row, column)));
        Tensor(vec![self.0[0], columns], cells.collect())
    }
}

/// erf by its Taylor series, which converges everywhere.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

fn convolved(x: &Tensor, kernel: &Tensor, bias: &Tensor) -> Tensor {
    let ([rows, inputs, height, width], outputs) = (four(x), kernel.0[0]);
    let mut out = Vec::new();
    for row in 0..rows {
        for output in 0..outputs {
            for y in 0..height as i64 {
                for column in 0..width as i64 {
                    let mut sum = bias.1[output];
                    for input in 0..inputs {
                        for (i, (dy, dx)) in
                            (-1..2).flat_map(|dy| (-1..2).map(move |dx| (dy, dx))).enumerate()
                        {
                            let (y, column) = (y + dy, column + dx);
                            if (0..height as i64).contains(&y) && (0..width as i64).contains(&column) {
                                let place =
                                    ((row * inputs + input) * height + y as usize) * width + column as usize;
                                sum += x.1[place] * kernel.1[(output * inputs + input) * 9 + i];
                            }
                        }
                    }
                    out.push(sum);
                }
            }
        }
    }
    Tensor(vec![rows, outputs, height, width], out)
}

fn four(x: &Tensor) -> [usize; 4] {
    x.0[..].try_into().unwrap()
}

fn pooled(x: &Tensor) -> Tensor {
    let [rows, channels, height, width] = four(x);
    let mut out = Vec::new();
    for plane in x.1.chunks(height * width) {
        for (y, column) in (0..height / 2).flat_map(|y| (0..width / 2).map(move |column| (2 * y, 2 * column)))
        {
            let at = |dy: usize, dx: usize| plane[(y + dy) * width + column + dx];
            out.push(at(0, 0).max(at(0, 1)).max(at(1, 0)).max(at(1, 1)));
        }
    }
    Tensor(vec![rows, channels, height / 2, width / 2], out)
}

/// Everything that the graph computes from these rows, by name.
fn evaluate(model: &[u8], x: &Features) -> HashMap<String, Tensor> {
    let graph = bytes_of(model, 7)[0];
    let mut values = HashMap::new();
    for tensor in bytes_of(graph, 5) {
        let dims: Vec<usize> = numbers_of(tensor, 1).into_iter().map(|size| size as usize).collect();
        let raw = bytes_of(tensor, 9)[0];
        let numbers: Vec<f64> = match numbers_of(tensor, 2)[0] {
            1 => raw.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect(),
            7 => raw.chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect(),
            11 => raw.chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
            kind => panic!("type {kind}"),
        };
        assert_eq!(dims.iter().product::<usize>(), numbers.len());
        let name = texts_of(tensor, 8).remove(0);
        assert!(values.insert(name.clone(), Tensor(dims, numbers)).is_none(), "{name} twice");
    }
    let rows = x.values().iter().map(|x| f64::from(*x)).collect();
    values.insert("features".to_string(), Tensor(vec![x.rows(), x.columns()], rows));
    for node in bytes_of(graph, 1) {
        let inputs: Vec<Tensor> = texts_of(node, 1).iter().map(|name| values[name].clone()).collect();
        let [a, ..] = &inputs[..] else { panic!("a node without inputs") };
        let attributes = bytes_of(node, 5);
        let ints = |wanted: &str| {
            let attribute = attributes.iter().find(|attribute| texts_of(attribute, 1) == [wanted]);
            attribute.map(|attribute| [numbers_of(attribute, 3), numbers_of(attribute, 8)].concat())
        };
        let op = texts_of(node, 4).remove(0);
        let out = match op.as_str() {
            "Cast" => match ints("to").unwrap()[..] {
                [1] => a.map(|x| f64::from(x as f32)),
                [11] => a.clone(),
                ref kind => panic!("type {kind:?}"),
            },
            "Sqrt" => a.map(f64::sqrt),
            "Relu" => a.map(|x| x.max(0.0)),
            "Tanh" => a.map(f64::tanh),
            "Erf" => a.map(erf),
            "Sigmoid" => a.map(|z| 1.0 / (1.0 + (-z).exp())),
            "Max" => a.with(&inputs[1], f64::max),
            "Sub" => a.with(&inputs[1], |x, y| x - y),
            "Add" => a.with(&inputs[1], |x, y| x + y),
            "Mul" => a.with(&inputs[1], |x, y| x * y),
            "Div" => a.with(&inputs[1], |x, y| x / y),
            "MatMul" => a.times(&inputs[1]),
            "Gemm" => a.times(&inputs[1]).with(&inputs[2], |x, y| x + y),
            "ReduceSum" => {
                assert_eq!((&inputs[1].1[..], ints("keepdims")), (&[1.0][..], Some(vec![1])));
                a.rows(|row| row.iter().sum())
            }
            "BatchNormalization" => {
                let epsilon = bytes_of(attributes[0], 2)[0];
                let epsilon = f64::from(f32::from_le_bytes(epsilon.try_into().unwrap()));
                let unit = a.with(&inputs[3], |x, mean| x - mean);
                let unit = unit.with(&inputs[4], |x, variance| x / (variance + epsilon).sqrt());
                unit.with(&inputs[1], |x, w| x * w).with(&inputs[2], |x, b| x + b)
            }
            "Reshape" => {
                let sizes: Vec<usize> = inputs[1].1[1..].iter().map(|size| *size as usize).collect();
                Tensor([&a.0[..1], &sizes[..]].concat(), a.1.clone())
            }
            "Conv" => {
                assert_eq!((ints("kernel_shape"), ints("pads")), (Some(vec![3; 2]), Some(vec![1; 4])));
                convolved(a, &inputs[1], &inputs[2])
            }
            "MaxPool" => {
                assert_eq!((ints("kernel_shape"), ints("strides")), (Some(vec![2; 2]), Some(vec![2; 2])));
                pooled(a)
            }
            "Flatten" => Tensor(vec![a.0[0], a.0[1..].iter().product()], a.1.clone()),
            op => panic!("unknown operator {op}"),
        };
        values.insert(texts_of(node, 2).remove(0), out);
    }
    values
}

/// 60 rows of 12 features, among them one of zeros, a very short and a very long one, and labels of two classes.
fn data() -> (Features, ObservedLabels) {
    let mut stream = Stream::new(9, "onnx");
    let mut values: Vec<f32> = (0..720).map(|_| stream.normal() as f32).collect();
    let cells = (0..120).map(|i| match values[i / 2 * 12 + i % 2] > 0.0 {
        true => Label::Positive,
        false => Label::Negative,
    });
    let cells = cells.collect();
    values[..12].fill(0.0);
    values[12..24].iter_mut().for_each(|x| *x *= 1e-25);
    values[24..36].iter_mut().for_each(|x| *x *= 1e3);
    (Features::new(60, 12, values).unwrap(), ObservedLabels::from(LabelMatrix::new(60, 2, cells).unwrap()))
}

/// Every kind of head, input step and activation.
fn models() -> Vec<(&'static str, Model, Features)> {
    let (x, y) = data();
    let mlp = |activation: &str, batch_norm, dropout| {
        let plain = MlpSpec::plain(vec![7, 5]);
        Head::Mlp(MlpSpec { activation: activation.to_string(), batch_norm, dropout, ..plain })
    };
    let nested = Head::Mlp(MlpSpec { nested_dropout: 0.5, ..MlpSpec::plain(vec![6]) });
    let cnn = Head::Cnn(CnnSpec { image: Some([1, 4, 3]), channels: vec![3] });
    let pca = Named::new("pca").set("components", 4.0);
    let cases = [
        ("linear", Head::Linear, Named::new("none")),
        ("linear-l2", Head::Linear, Named::new("l2")),
        ("linear-l2-standardise", Head::Linear, Named::new("l2-standardise")),
        ("relu", mlp("relu", false, 0.0), Named::new("standardise")),
        ("gelu", mlp("gelu", true, 0.3), Named::new("l2")),
        ("tanh", mlp("tanh", false, 0.2), pca.clone()),
        ("sigmoid", mlp("sigmoid", true, 0.0), Named::new("none")),
        ("identity", mlp("none", false, 0.0), Named::new("none")),
        ("nested", nested, Named::new("none")),
        ("cosine", Head::Cosine, Named::new("l2")),
        ("cosine-pca", Head::Cosine, pca),
        ("cosine-standardise", Head::Cosine, Named::new("standardise")),
        ("cnn", cnn.clone(), Named::new("none")),
        ("cnn-standardise", cnn, Named::new("standardise")),
    ];
    let fitted = |(name, head, transform): (&'static str, Head, Named)| {
        let fit = Fit::new("bce").head(head).transform(transform).epochs(3).batch(16);
        let model = fit.fit(&x, &y).unwrap();
        (name, model.with_thresholds(vec![0.25, 0.75]).unwrap(), x.clone())
    };
    cases.into_iter().map(fitted).collect()
}

#[test]
fn the_graph_gives_the_predictions_of_the_model() {
    for (name, model, x) in models() {
        let bytes = model.to_onnx().unwrap();
        let values = evaluate(&bytes, &x);
        let expected = model.predict(&x).unwrap();
        let (logits, p) = (&values["logits"], &values["probabilities"]);
        assert_eq!(p.0, [60, 2], "{name}");
        for (cell, (z, p)) in logits.1.iter().zip(&p.1).enumerate() {
            let (ours, ours_p) = (expected.logits()[cell], expected.probabilities()[cell]);
            // The row with features of 1000 has logits whose last bit is worth more.
            assert!((z - f64::from(ours)).abs() < 2e-6 * (1.0 + z.abs()) * 4.0, "{name} {cell}: {z} {ours}");
            assert!((p - f64::from(ours_p)).abs() < 1e-6, "{name} {cell}: {p} {ours_p}");
        }
    }
}

#[test]
fn names_and_metadata_are_those_of_the_model() {
    let (_, model, _) = models().remove(1);
    let bytes = model.to_onnx().unwrap();
    assert_eq!(numbers_of(&bytes, 1), [8]);
    let opset = bytes_of(&bytes, 8)[0];
    assert_eq!((texts_of(opset, 1), numbers_of(opset, 2)), (vec![String::new()], vec![17]));
    let graph = bytes_of(&bytes, 7)[0];
    let names = |field| -> Vec<String> {
        bytes_of(graph, field).into_iter().map(|value| texts_of(value, 1).remove(0)).collect()
    };
    assert_eq!(
        (names(11), names(12)),
        (vec!["features".into()], vec!["logits".into(), "probabilities".into()])
    );
    let pairs: HashMap<String, String> = bytes_of(&bytes, 14)
        .into_iter()
        .map(|entry| (texts_of(entry, 1).remove(0), texts_of(entry, 2).remove(0)))
        .collect();
    assert_eq!((&*pairs["classes"], &*pairs["thresholds"]), ("[\"0\",\"1\"]", "[0.25,0.75]"));
    assert!(pairs["input"].starts_with("l2: divide every row"), "{}", pairs["input"]);
}

#[test]
fn a_table_is_no_layer() {
    let (_, model, _) = models().remove(0);
    let table = crate::Table { logits: vec![0.0], probabilities: vec![0.5] };
    let model = Model { calibration: Some(vec![table; 2]), ..model };
    assert!(model.to_onnx().unwrap_err().to_string().contains("isotonic"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("head.onnx");
    assert!(model.save_onnx(&*path).is_err() && !path.exists());
}

/// Python with the packages `onnx`, `onnxruntime` and `numpy`, if there is one: `LACUNA_PYTHON`, else `python3`.
fn python() -> Option<String> {
    let python = std::env::var("LACUNA_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let imports = Command::new(&python).args(["-c", "import numpy, onnx, onnxruntime"]).output();
    imports.is_ok_and(|output| output.status.success()).then_some(python)
}

const SCRIPT: &str = "
import sys, numpy, onnx, onnxruntime
for path in sys.argv[1:]:
    onnx.checker.check_model(onnx.load(path), full_check=True)
    x, p = numpy.load(path + '.x.npy'), numpy.load(path + '.p.npy')
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    q = session.run(['probabilities'], {'features': x})[0]
    assert q.shape == p.shape and numpy.abs(p - q).max() < 1e-6, (path, numpy.abs(p - q).max())
print('checked', len(sys.argv) - 1)
";

#[test]
#[allow(clippy::print_stderr, reason = "a skipped check is told")]
fn onnxruntime_computes_the_same() {
    let Some(python) = python() else {
        eprintln!("skipped: no Python with numpy, onnx and onnxruntime (LACUNA_PYTHON names one)");
        return;
    };
    use lacuna_formats::{NpyArray, NpyData};
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (name, model, x) in models() {
        let path = folder.path().join(format!("{name}.onnx"));
        model.save_onnx(&*path).unwrap();
        let beside = |what: &str| folder.path().join(format!("{name}.onnx.{what}.npy"));
        let p = model.predict(&x).unwrap();
        let save = |what: &str, columns: usize, values: &[f32]| {
            let array = NpyArray::new(vec![60, columns], NpyData::F32(values.to_vec())).unwrap();
            array.save(&*beside(what)).unwrap();
        };
        save("x", 12, x.values());
        save("p", 2, p.probabilities());
        paths.push(path);
    }
    let output = Command::new(python).arg("-c").arg(SCRIPT).args(&paths).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), format!("checked {}", paths.len()));
}
