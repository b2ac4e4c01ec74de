//! The names and layout of the parameters of a head in PyTorch.

use crate::{CnnSpec, Head};

/// The shape in PyTorch: a linear weight is `[C, D]` there and `[D, C]` here, other shapes are the same.
pub(super) fn shape(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [rows, columns] => vec![columns, rows],
        _ => shape.to_vec(),
    }
}

/// The values of a matrix `[rows, columns]`, transposed.
pub(super) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for column in 0..columns {
        out.extend((0..rows).map(|row| values[row * columns + column]));
    }
    out
}

/// The module in Python, with the numbers of `nn.Sequential` that the names of the weights have.
pub(super) fn module(head: &Head, features: usize, classes: usize) -> String {
    match head {
        Head::Linear | Head::Cosine => format!("torch.nn.Linear({features}, {classes})"),
        Head::Mlp(mlp) => {
            let mut modules = Vec::new();
            let mut width = features;
            for &hidden in &mlp.hidden {
                modules.push(format!("torch.nn.Linear({width}, {hidden})"));
                if mlp.batch_norm {
                    modules.push(format!("torch.nn.BatchNorm1d({hidden})"));
                }
                let activation = match mlp.activation.as_str() {
                    "relu" => "torch.nn.ReLU()",
                    "gelu" => "torch.nn.GELU()",
                    "tanh" => "torch.nn.Tanh()",
                    "sigmoid" => "torch.nn.Sigmoid()",
                    _ => "",
                };
                modules.extend(Some(activation.to_string()).filter(|activation| !activation.is_empty()));
                if mlp.dropout > 0.0 {
                    modules.push(format!("torch.nn.Dropout({})", mlp.dropout));
                }
                width = hidden;
            }
            if mlp.nested_dropout > 0.0 {
                // Of training alone, and torch has none.
                modules.push("torch.nn.Identity()".to_string());
            }
            modules.push(format!("torch.nn.Linear({width}, {classes})"));
            format!("torch.nn.Sequential({})", modules.join(", "))
        }
        Head::Cnn(CnnSpec { image, channels }) => {
            let [mut inputs, mut height, mut width] = image.unwrap_or_default();
            let mut modules = vec![format!("torch.nn.Unflatten(1, ({inputs}, {height}, {width}))")];
            for &outputs in channels {
                modules.push(format!("torch.nn.Conv2d({inputs}, {outputs}, 3, padding=1)"));
                modules.extend(["torch.nn.ReLU()".to_string(), "torch.nn.MaxPool2d(2)".to_string()]);
                (inputs, height, width) = (outputs, height / 2, width / 2);
            }
            modules.push("torch.nn.Flatten()".to_string());
            modules.push(format!("torch.nn.Linear({}, {classes})", inputs * height * width));
            format!("torch.nn.Sequential({})", modules.join(", "))
        }
    }
}
