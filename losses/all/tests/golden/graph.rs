//! `knn_graph`, `graph_conv`: what SMILE computes along nearest neighbours.

use crate::case::{Case, SINGLE};
use crate::loss::only;
use lacuna_engine::{Dual, Exec, Tape, Tensor, Var};
use lacuna_nn::{GraphConv, Layer, Linear, Mode, NeighbourGraph};

fn single(x: &[f64]) -> Vec<f32> {
    x.iter().map(|&x| x as f32).collect()
}

fn double(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

pub(crate) fn nearest(case: &Case) -> Result<(), String> {
    only(case, &["k"])?;
    let (x, k) = (case.matrix("inputs", "features")?, case.number("params", "k")? as usize);
    for exec in [Exec::Serial, Exec::Rayon] {
        let graph = NeighbourGraph::nearest(&single(&x.data), x.rows, x.columns, k, exec);
        let graph = graph.map_err(|e| e.to_string())?;
        let listed = |i: usize, j: usize| graph.neighbours(i).contains(&(j as u32));
        let cells = (0..x.rows * x.rows).map(|i| f64::from(u8::from(listed(i / x.rows, i % x.rows))));
        case.check("adjacency", &cells.collect::<Vec<f64>>())?;
        let neighbours = (0..x.rows).flat_map(|i| graph.neighbours(i)).map(|&j| f64::from(j));
        case.check("neighbours", &neighbours.collect::<Vec<f64>>())?;
        let degrees: Vec<f64> = graph.in_degrees().into_iter().map(f64::from).collect();
        case.check("in_degree", &degrees)?;
    }
    Ok(())
}

/// The layer in f32, and its record evaluated again in f64 on the numbers of the file.
pub(crate) fn convolution(case: &Case) -> Result<(), String> {
    only(case, &["norm"])?;
    match case.text("params", "norm")? {
        "both" => {}
        other => return Err(format!("there is no norm {other}")),
    }
    let (x, w) = (case.matrix("inputs", "features")?, case.matrix("inputs", "weights")?);
    let (bias, upstream) = (case.numbers("inputs", "bias")?, case.numbers("inputs", "upstream")?);
    let adjacency = case.matrix("inputs", "adjacency")?;
    let listed = |row: &[f64]| (0u32..).zip(row.to_vec()).filter(|(_, a)| *a == 1.0).map(|(j, _)| j);
    let lists: Vec<u32> = adjacency.data.chunks(adjacency.columns).flat_map(listed).collect();
    let graph = NeighbourGraph::new(lists.len() / x.rows, lists).map_err(|e| e.to_string())?;

    let mut tape = Tape::new();
    let weight = tape.param("weight", Tensor::new([w.rows, w.columns], single(&w.data)));
    let bias_of = tape.param("bias", Tensor::new([bias.len()], single(&bias)));
    let layer = GraphConv::over(Linear { weight, bias: bias_of }, &graph);
    tape.seal();
    let features = tape.variable([x.rows, x.columns], &single(&x.data));
    let y = layer.forward(&mut tape, features, Mode::Eval);
    tape.backward_from(y, &single(&upstream));
    case.check_within("output", &double(tape.value(y)), SINGLE)?;
    for (output, var) in [("grad_features", features), ("grad_weights", weight), ("grad_bias", bias_of)] {
        let grad = tape.grad(var).ok_or("no gradient")?;
        case.check_within(output, &double(grad), SINGLE).map_err(|e| format!("layer, {e}"))?;
    }

    // Leaves in f64: the parameters, the features, and the weights of the edges.
    let edges = GraphConv::normalisation(&graph);
    let exact = |leaf: Var, i: usize| match leaf {
        _ if leaf == weight => w.data[i],
        _ if leaf == bias_of => bias[i],
        _ if leaf == features => x.data[i],
        _ => edges[i],
    };
    let replayed = tape.replay(|leaf, i, _| exact(leaf, i));
    case.check("output", replayed.value(&tape, y)).map_err(|e| format!("replay, {e}"))?;
    for (output, var, count) in [
        ("grad_features", features, x.data.len()),
        ("grad_weights", weight, w.data.len()),
        ("grad_bias", bias_of, bias.len()),
    ] {
        let slope = |of: usize| {
            let replayed = tape.replay(|leaf, i, _| match leaf == var && i == of {
                true => Dual::variable(exact(leaf, i)),
                false => lacuna_engine::Real::of(exact(leaf, i)),
            });
            let y = replayed.value(&tape, y).iter().zip(&upstream);
            y.map(|(y, g): (&Dual, &f64)| y.derivative() * g).sum::<f64>()
        };
        let slopes: Vec<f64> = (0..count).map(slope).collect();
        case.check(output, &slopes).map_err(|e| format!("replay, {e}"))?;
    }
    Ok(())
}
