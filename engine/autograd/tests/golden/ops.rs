//! One operation a case: which method of the tape belongs to a name, and what it is given.

use crate::case::{Case, close};
use lacuna_engine::{ConvOptions, RunningStats, Shape, Tape, Tensor, Var, Window};

/// Records the case's operation, walks back from `upstream` and compares everything the case knows.
pub(crate) fn check(case: &Case) -> Result<(), String> {
    let mut tape = Tape::new();
    let running = running_state(case, &mut tape)?;
    tape.seal();
    let mut inputs = Inputs { vars: vec![] };
    for (name, array) in case.arrays("inputs")? {
        // These have no gradient.
        let constant = name.starts_with("running")
            || name.starts_with("cond")
            || name == "mask"
            || name.starts_with("target");
        let shape = Shape::new(&array.shape);
        let var = if constant { tape.input(shape, &array.f32()) } else { tape.variable(shape, &array.f32()) };
        inputs.vars.push((name, var));
    }
    let y = record(case, &mut tape, &inputs, running)?;
    close("output", tape.value(y), &case.array("output")?.data)?;
    tape.backward_from(y, &case.array("upstream")?.f32());
    for (name, exact) in case.arrays("grads")? {
        let var = inputs.get(&[&name])?;
        let zeros = vec![0.0; exact.data.len()];
        close(&format!("gradient of {name}"), tape.grad(var).unwrap_or(&zeros), &exact.data)?;
    }
    tape.commit_state();
    for (name, exact) in case.arrays("extra")? {
        let var = match (name.as_str(), running) {
            ("running_mean", Some(r)) => r.mean,
            ("running_var", Some(r)) => r.var,
            _ => return Err(format!("extra `{name}` is not known")),
        };
        close(&name, tape.value(var), &exact.data)?;
    }
    Ok(())
}

struct Inputs {
    vars: Vec<(String, Var)>,
}

impl Inputs {
    fn find(&self, names: &[&str]) -> Option<Var> {
        names.iter().find_map(|n| self.vars.iter().find(|(name, _)| name == n)).map(|(_, var)| *var)
    }

    fn get(&self, names: &[&str]) -> Result<Var, String> {
        self.find(names).ok_or_else(|| format!("input `{}` is missing", names[0]))
    }

    /// The one input of a function of one variable.
    fn x(&self) -> Result<Var, String> {
        match self.vars.as_slice() {
            [(_, only)] => Ok(*only),
            _ => self.get(&["x", "input", "a"]),
        }
    }

    fn two(&self) -> Result<(Var, Var), String> {
        match self.vars.as_slice() {
            [(_, a), (_, b)] => Ok((*a, *b)),
            _ => Ok((self.get(&["a", "x", "input"])?, self.get(&["b", "y", "other"])?)),
        }
    }

    /// Weight and bias of a normalisation: both or none.
    fn affine(&self) -> Result<Option<(Var, Var)>, String> {
        match (self.find(&["weight", "w"]), self.find(&["bias", "b"])) {
            (None, None) => Ok(None),
            (Some(w), Some(b)) => Ok(Some((w, b))),
            _ => Err("weight and bias come together".to_string()),
        }
    }
}

/// Running statistics of a batch normalisation in training, from numbers or arrays before the call.
fn running_state(case: &Case, tape: &mut Tape) -> Result<Option<RunningStats>, String> {
    if !case.op().starts_with("batch_norm") || !case.flag(&["training", "train"]).unwrap_or(true) {
        return Ok(None);
    }
    let channels = *case.array("output")?.shape.get(1).ok_or("no channels")?;
    let given = case.arrays("inputs")?;
    let mut state = |name: &str, default: f64| -> Result<Var, String> {
        let first = format!("{name}0");
        let data = match case.param(&[&first, name]) {
            _ if given.iter().any(|(n, _)| n == name) => {
                given.iter().find(|(n, _)| n == name).map(|(_, a)| a.f32()).unwrap_or_default()
            }
            None => vec![default as f32; channels],
            Some(v) if v.is_number() => vec![v.as_f64().unwrap_or(default) as f32; channels],
            Some(v) => crate::case::Array::of(v)?.f32(),
        };
        Ok(tape.state(name, Tensor::new([channels], data)))
    };
    let (mean, var) = (state("running_mean", 0.0)?, state("running_var", 1.0)?);
    Ok(Some(RunningStats { mean, var }))
}

/// Axes of a reduction or normalisation.
enum Axis {
    All,
    First,
    Last,
}

/// The axis a case names; `default` where it names none.
fn axis(case: &Case, rank: usize, default: Axis) -> Result<Axis, String> {
    let Some(value) = case.param(&["axis", "dim"]) else { return Ok(default) };
    let number = match value.as_array().map(Vec::as_slice) {
        Some([one]) => one.as_i64(),
        Some(all) if all.len() == rank => return Ok(Axis::All),
        _ => value.as_i64(),
    };
    match (value.as_str(), number) {
        (Some("all"), _) => Ok(Axis::All),
        (Some("rows"), _) => Ok(Axis::Last),
        (Some("columns" | "cols"), _) => Ok(Axis::First),
        (_, Some(n)) if n == -1 || n + 1 == rank as i64 => Ok(Axis::Last),
        (_, Some(n)) if n == 0 || n + rank as i64 == 0 => Ok(Axis::First),
        _ => Err(format!("axis {value} of rank {rank}")),
    }
}

/// x `[.., C]` as a matrix with C columns, or x `[R, ..]` as one with R rows.
fn as_matrix(tape: &mut Tape, x: Var, last: bool) -> Var {
    let shape = tape.shape(x);
    if shape.rank() == 2 || shape.rank() == 0 {
        return x;
    }
    let kept = if last { shape.sizes()[shape.rank() - 1] } else { shape.len() / shape.sizes()[0] };
    tape.reshape(x, [shape.len() / kept, kept])
}

/// Applies a function of rows along the named axis.
fn by_rows(
    case: &Case,
    tape: &mut Tape,
    x: Var,
    f: impl FnOnce(&mut Tape, Var) -> Var,
) -> Result<Var, String> {
    match axis(case, tape.shape(x).rank(), Axis::Last)? {
        Axis::Last => Ok(f(tape, x)),
        Axis::First => {
            let x = as_matrix(tape, x, false);
            let columns = tape.transpose(x);
            let y = f(tape, columns);
            Ok(tape.transpose(y))
        }
        Axis::All => {
            let row = tape.reshape(x, [1, tape.shape(x).len()]);
            Ok(f(tape, row))
        }
    }
}

fn reduce(case: &Case, tape: &mut Tape, x: Var, mean: bool, default: Axis) -> Result<Var, String> {
    Ok(match axis(case, tape.shape(x).rank(), default)? {
        Axis::All if mean => tape.mean(x),
        Axis::All => tape.sum(x),
        Axis::Last => {
            let x = as_matrix(tape, x, true);
            if mean { tape.mean_rows(x) } else { tape.sum_rows(x) }
        }
        Axis::First => {
            let x = as_matrix(tape, x, false);
            if mean { tape.mean_columns(x) } else { tape.sum_columns(x) }
        }
    })
}

fn narrow(pair: [usize; 2]) -> [u32; 2] {
    pair.map(|x| x as u32)
}

/// Refuses what a case asks for and the engine does not have.
fn only_default(case: &Case) -> Result<(), String> {
    let dilated = case.pair(&["dilation"])?.is_some_and(|d| d != [1, 1]);
    let ceil = case.flag(&["ceil_mode"]).unwrap_or(false);
    let divisor = case.param(&["divisor_override"]).is_some();
    if dilated || ceil || divisor {
        Err("dilation, ceil_mode and divisor_override".to_string())
    } else {
        Ok(())
    }
}

fn window(case: &Case) -> Result<Window, String> {
    only_default(case)?;
    let kernel = case.pair(&["kernel", "kernel_size", "k"])?.ok_or("parameter `kernel` is missing")?;
    let stride = case.pair(&["stride"])?.unwrap_or(kernel);
    let padding = case.pair(&["padding", "pad"])?.unwrap_or([0; 2]);
    Ok(Window { kernel: narrow(kernel), stride: narrow(stride), padding: narrow(padding) })
}

/// Whole numbers out of a parameter or an input.
fn indices(case: &Case, names: &[&str]) -> Result<Vec<u32>, String> {
    let from_param = case.param(names).map(crate::case::Array::of).transpose()?;
    let from_input = || case.arrays("inputs").ok()?.into_iter().find(|(n, _)| names.contains(&n.as_str()));
    let array = from_param.or_else(|| from_input().map(|(_, a)| a));
    let array = array.ok_or_else(|| format!("`{}` is missing", names[0]))?;
    Ok(array.data.iter().map(|i| *i as u32).collect())
}

fn cross_entropy(case: &Case, tape: &mut Tape, x: Var) -> Result<Var, String> {
    let unknown = ["label_smoothing", "ignore_index", "weight"];
    if let Some(name) = unknown.iter().find(|n| case.number(&[n]).is_some_and(|v| v != 0.0 && v != -100.0)) {
        return Err(format!("cross_entropy with {name}"));
    }
    let targets = indices(case, &["target", "targets", "labels"])?;
    let reduction = case.param(&["reduction"]).and_then(|r| r.as_str()).unwrap_or("mean");
    Ok(match reduction {
        "mean" => tape.cross_entropy(x, &targets),
        "sum" => {
            let mean = tape.cross_entropy(x, &targets);
            tape.scale(mean, targets.len() as f32)
        }
        "none" => {
            let (rows, cols) = (targets.len(), tape.shape(x).len() / targets.len());
            let minus_one = tape.input_with([rows, cols], |m| {
                m.fill(0.0);
                targets.iter().enumerate().for_each(|(i, t)| m[i * cols + *t as usize] = -1.0);
            });
            let logs = tape.log_softmax(x);
            let picked = tape.mul(logs, minus_one);
            tape.sum_rows(picked)
        }
        other => return Err(format!("reduction {other}")),
    })
}

fn layer_norm(case: &Case, tape: &mut Tape, inputs: &Inputs) -> Result<Var, String> {
    let (x, eps) = (inputs.get(&["x", "input"])?, case.number(&["eps"]).unwrap_or(1e-5) as f32);
    let affine = inputs.affine()?;
    match case.list(&["normalized_shape"]) {
        Some(shape) => {
            let cols: usize = shape.iter().product();
            let rows = tape.reshape(x, [tape.shape(x).len() / cols, cols]);
            Ok(tape.layer_norm(rows, affine, eps))
        }
        None => by_rows(case, tape, x, |t, x| t.layer_norm(x, affine, eps)),
    }
}

fn conv2d(case: &Case, tape: &mut Tape, inputs: &Inputs) -> Result<Var, String> {
    only_default(case)?;
    let options = ConvOptions {
        stride: case.pair(&["stride"])?.unwrap_or([1; 2]),
        padding: case.pair(&["padding", "pad"])?.unwrap_or([0; 2]),
        groups: case.number(&["groups"]).unwrap_or(1.0) as usize,
    };
    let (x, w) = (inputs.get(&["x", "input"])?, inputs.get(&["w", "weight"])?);
    Ok(tape.conv2d(x, w, inputs.find(&["b", "bias"]), options))
}

fn linear(tape: &mut Tape, inputs: &Inputs) -> Result<Var, String> {
    let (x, w) = (inputs.get(&["x", "input"])?, inputs.get(&["w", "weight"])?);
    // PyTorch keeps the weight as [out, in].
    let as_torch = tape.shape(w).sizes()[0] != tape.shape(x).sizes()[1];
    let w = if as_torch { tape.transpose(w) } else { w };
    let z = tape.matmul(x, w);
    Ok(inputs.find(&["b", "bias"]).map_or(z, |b| tape.add(z, b)))
}

fn batch_norm(
    case: &Case,
    tape: &mut Tape,
    inputs: &Inputs,
    running: Option<RunningStats>,
) -> Result<Var, String> {
    let (x, eps) = (inputs.get(&["x", "input"])?, case.number(&["eps"]).unwrap_or(1e-5) as f32);
    let affine = inputs.affine()?;
    if running.is_some() {
        let momentum = case.number(&["momentum"]).unwrap_or(0.1) as f32;
        return Ok(tape.batch_norm(x, affine, running, momentum, eps));
    }
    let mut constant = |name: &str| match (inputs.find(&[name]), case.param(&[name])) {
        (Some(var), _) => Ok(var),
        (None, Some(value)) => {
            let data = crate::case::Array::of(value)?.f32();
            Ok(tape.input([data.len()], &data))
        }
        _ => Err(format!("`{name}` is missing")),
    };
    let given = RunningStats { mean: constant("running_mean")?, var: constant("running_var")? };
    Ok(tape.batch_norm_eval(x, affine, given, eps))
}

/// Elements before, along and behind the axis a case names; `default` counts from the first axis.
fn around_axis(case: &Case, shape: Shape, default: usize) -> Result<(usize, usize), String> {
    let rank = shape.rank() as i64;
    let named = case.number(&["axis", "dim"]).map_or(default as i64, |a| a as i64);
    let axis = if named < 0 { named + rank } else { named.min(rank - 1) };
    let axis = usize::try_from(axis).map_err(|_| format!("axis {named} of {shape}"))?;
    let (before, rest) = shape.sizes().split_at(axis);
    Ok((before.iter().product(), rest[1..].iter().product()))
}

/// Along any axis: what stands before it are rows, the axis and all behind it columns.
fn concat(case: &Case, tape: &mut Tape, inputs: &Inputs, default: usize) -> Result<Var, String> {
    let mut parts = Vec::new();
    for (_, x) in &inputs.vars {
        let shape = tape.shape(*x);
        let (before, _) = around_axis(case, shape, default)?;
        parts.push(tape.reshape(*x, [before, shape.len() / before]));
    }
    let (first, rest) = parts.split_first().ok_or("nothing to put together")?;
    if tape.shape(*first).sizes()[0] == 1 && tape.shape(inputs.vars[0].1).rank() == 2 {
        // rows above each other, by the method of that name
        let vars: Vec<Var> = inputs.vars.iter().map(|(_, x)| *x).collect();
        return Ok(match around_axis(case, tape.shape(vars[0]), default)? {
            (1, cols) if cols == tape.shape(vars[0]).sizes()[1] => {
                vars[1..].iter().fold(vars[0], |a, b| tape.concat_rows(a, *b))
            }
            _ => rest.iter().fold(*first, |a, b| tape.concat_columns(a, *b)),
        });
    }
    Ok(rest.iter().fold(*first, |a, b| tape.concat_columns(a, *b)))
}

fn slice(case: &Case, tape: &mut Tape, x: Var, default: usize) -> Result<Var, String> {
    let from = case.number(&["start", "from", "begin"]).unwrap_or(0.0) as usize;
    let to = match case.number(&["end", "stop", "to"]) {
        Some(end) => end as usize,
        None => from + case.required(&["length", "len"])? as usize,
    };
    let shape = tape.shape(x);
    let (before, behind) = around_axis(case, shape, default)?;
    if shape.rank() == 2 && behind > 1 {
        return Ok(tape.slice_rows(x, from..to));
    }
    let x = tape.reshape(x, [before, shape.len() / before]);
    Ok(tape.slice_columns(x, from * behind..to * behind))
}

fn select(case: &Case, tape: &mut Tape, inputs: &Inputs) -> Result<Var, String> {
    let a = inputs.get(&["a", "x"])?;
    let condition = match inputs.find(&["condition", "cond", "c", "mask"]) {
        Some(var) => var,
        None => {
            let mask = case.param(&["mask", "condition", "cond"]).ok_or("a condition is missing")?;
            tape.input(tape.shape(a), &crate::case::Array::of(mask)?.f32())
        }
    };
    Ok(tape.select(condition, a, inputs.get(&["b", "y"])?))
}

fn record(
    case: &Case,
    tape: &mut Tape,
    inputs: &Inputs,
    running: Option<RunningStats>,
) -> Result<Var, String> {
    let t = tape;
    let two = || inputs.two();
    let x = || inputs.x();
    Ok(match case.op() {
        "neg" => t.neg(x()?),
        "exp" => t.exp(x()?),
        "expm1" | "exp_m1" => t.expm1(x()?),
        "ln" | "log" => t.ln(x()?),
        "log1p" | "ln_1p" | "ln1p" => t.log1p(x()?),
        "sqrt" => t.sqrt(x()?),
        "abs" => t.abs(x()?),
        "relu" => t.relu(x()?),
        "sigmoid" => t.sigmoid(x()?),
        "tanh" => t.tanh(x()?),
        "softplus" => t.softplus(x()?),
        "log_sigmoid" | "logsigmoid" => t.log_sigmoid(x()?),
        "gelu" => match case.param(&["approximate"]).and_then(|a| a.as_str()).unwrap_or("none") {
            "none" => t.gelu(x()?),
            "tanh" => t.gelu_tanh(x()?),
            other => return Err(format!("gelu by {other}")),
        },
        "gelu_exact" => t.gelu(x()?),
        "gelu_tanh" => t.gelu_tanh(x()?),
        "leaky_relu" => {
            let slope = case.number(&["negative_slope", "slope", "alpha"]).unwrap_or(0.01);
            t.leaky_relu(x()?, slope as f32)
        }
        "clamp" | "clip" => {
            let low = case.number(&["min", "low", "lo"]).unwrap_or(f64::NEG_INFINITY);
            let high = case.number(&["max", "high", "hi"]).unwrap_or(f64::INFINITY);
            t.clamp(x()?, low as f32, high as f32)
        }
        "pow" => t.pow(x()?, case.required(&["exponent", "k", "p"])? as f32),
        "scale" => t.scale(x()?, case.required(&["factor", "c", "scale", "value"])? as f32),
        "shift" => t.shift(x()?, case.required(&["offset", "c", "shift", "value"])? as f32),
        "detach" => t.detach(x()?),
        "add" | "sub" | "mul" | "div" | "max" | "maximum" | "min" | "minimum" => {
            let (a, b) = two()?;
            match case.op() {
                "add" => t.add(a, b),
                "sub" => t.sub(a, b),
                "mul" => t.mul(a, b),
                "div" => t.div(a, b),
                "max" | "maximum" => t.max(a, b),
                _ => t.min(a, b),
            }
        }
        "select" | "where" => select(case, t, inputs)?,
        "matmul" => {
            let (a, b) = two()?;
            t.matmul(a, b)
        }
        "linear" => linear(t, inputs)?,
        "sum" | "sum_all" => reduce(case, t, x()?, false, Axis::All)?,
        "mean" | "mean_all" => reduce(case, t, x()?, true, Axis::All)?,
        "sum_rows" => reduce(case, t, x()?, false, Axis::Last)?,
        "mean_rows" => reduce(case, t, x()?, true, Axis::Last)?,
        "sum_columns" | "sum_cols" => reduce(case, t, x()?, false, Axis::First)?,
        "mean_columns" | "mean_cols" => reduce(case, t, x()?, true, Axis::First)?,
        "softmax" => by_rows(case, t, x()?, |t, x| t.softmax(x))?,
        "log_softmax" => by_rows(case, t, x()?, |t, x| t.log_softmax(x))?,
        "l2_normalize" | "normalize" => {
            let eps = case.number(&["eps"]).unwrap_or(1e-12) as f32;
            by_rows(case, t, x()?, |t, x| t.l2_normalize(x, eps))?
        }
        "layer_norm" => layer_norm(case, t, inputs)?,
        "batch_norm" | "batch_norm1d" | "batch_norm2d" => batch_norm(case, t, inputs, running)?,
        "conv2d" => conv2d(case, t, inputs)?,
        "max_pool2d" => t.max_pool2d(x()?, window(case)?),
        "avg_pool2d" => t.avg_pool2d(x()?, window(case)?, case.flag(&["count_include_pad"]).unwrap_or(true)),
        "global_avg_pool" | "global_avg_pool2d" => t.global_avg_pool(x()?),
        "cross_entropy" => cross_entropy(case, t, inputs.get(&["x", "logits", "input"])?)?,
        "transpose" | "t" => t.transpose(x()?),
        "reshape" | "view" | "flatten" => t.reshape(x()?, Shape::new(&case.array("output")?.shape)),
        "concat" | "cat" => concat(case, t, inputs, 0)?,
        "concat_rows" => concat(case, t, inputs, 0)?,
        "concat_columns" | "concat_cols" => concat(case, t, inputs, 1)?,
        "slice" | "narrow" | "slice_rows" => slice(case, t, x()?, 0)?,
        "slice_columns" | "slice_cols" => slice(case, t, x()?, 1)?,
        "gather_rows" | "index_select" | "embedding" => {
            let rows = indices(case, &["rows", "index", "indices", "idx"])?;
            t.gather_rows(inputs.get(&["x", "input", "weight", "table"])?, &rows)
        }
        other => return Err(format!("the operation `{other}` is not known")),
    })
}
