// The tape: nodes in the order in which they were computed, values forward, gradients backward, and the two oracles beside them.
//
// A graph is { nodes, loss, refusal } with nodes as they stand in the data; `values` lists a row-major array for each node.

/// The example as the page uses it. Throws one sentence for data that is no tape.
function graphOf(example) {
  const nodes = example.nodes;
  if (!Array.isArray(nodes) || nodes.length === 0) throw new Error("the example has no nodes");
  nodes.forEach((node, i) => {
    if (node.id !== i) throw new Error("node " + i + " has the number " + visible(node.id));
    if (!Array.isArray(node.shape) || !node.shape.every((d) => Number.isInteger(d) && d > 0)) throw new Error("node " + i + " has no shape");
    if (!Array.isArray(node.value) || node.value.length !== sizeOf(node.shape)) {
      throw new Error("node " + i + " has the shape [" + node.shape.join(", ") + "] and not as many values");
    }
    if (!node.inputs.every((id) => Number.isInteger(id) && id >= 0 && id < i)) throw new Error("an input of node " + i + " comes after it");
  });
  if (!nodes[example.loss] || sizeOf(nodes[example.loss].shape) !== 1) throw new Error("the loss is not a single number of the tape");
  const needs = [];
  for (const node of nodes) {
    const op = OPS.get(node.op);
    needs.push(isLeaf(node)
      ? node.op === "param" || node.op === "variable"
      : !(op && op.constant) && node.inputs.some((id) => needs[id]));
  }
  const refusals = nodes.map(refusal);
  return {
    nodes: nodes.map((node) => ({ ...node, constants: node.constants ?? {} })),
    loss: example.loss,
    needs,
    refusals,
    computed: refusals.every((r) => r === null),
    /// Uses of each node in tape order: [user, which input].
    uses: nodes.map((_, id) => nodes.flatMap((user) => user.inputs.flatMap((input, k) => (input === id ? [[user.id, k]] : [])))),
  };
}

/// Shapes and values of the inputs of a node.
function inputsOf(graph, node, values) {
  return node.inputs.map((id) => ({ shape: graph.nodes[id].shape, value: values[id] }));
}

/// Values of all nodes from those of the leaves, in tape order.
function forward(graph, leaves) {
  const values = [];
  for (const node of graph.nodes) {
    values.push(isLeaf(node) ? leaves[node.id] : OPS.get(node.op).forward(F64, inputsOf(graph, node, values), node));
  }
  return values;
}

/// How far a value that was recorded in 32 bits may be from the one computed here, relative to the largest of 1 and the value.
const RECORDED = 1e-4;

/// The graph of an example whose recorded values are those that the page computes. Where they are not, the first such node is refused:
/// its formula or its constants are others than the page thinks.
function checkedGraph(example) {
  const graph = graphOf(example);
  if (!graph.computed) return graph;
  const values = [];
  for (const node of graph.nodes) {
    let computed = node.value;
    if (!isLeaf(node)) {
      try {
        computed = OPS.get(node.op).forward(F64, inputsOf(graph, node, values), node);
      } catch (error) {
        computed = [];
      }
    }
    const same = computed.length === node.value.length
      && computed.every((v, e) => Object.is(v, node.value[e]) || Math.abs(v - node.value[e]) <= RECORDED * Math.max(1, Math.abs(v)));
    if (!same) {
      graph.refusals[node.id] = "This page does not get the recorded value of #" + node.id + " " + visible(node.op) + ".";
      graph.computed = false;
      return graph;
    }
    values.push(computed);
  }
  return graph;
}

/// The loss in arithmetic R with cell `cell` of node `from` replaced by `x`, whatever that node was computed from.
function replay(R, graph, values, from, cell, x) {
  const changed = new Map();
  const lifted = (id) => changed.get(id) ?? values[id].map((v) => R.of(v));
  changed.set(from, values[from].map((v, e) => (e === cell ? x : R.of(v))));
  for (let i = from + 1; i <= graph.loss; i++) {
    const node = graph.nodes[i];
    if (isLeaf(node) || !node.inputs.some((id) => changed.has(id))) continue;
    const op = OPS.get(node.op);
    // A difference must not see a constant move either.
    if (op.constant) continue;
    changed.set(i, op.forward(R, node.inputs.map((id) => ({ shape: graph.nodes[id].shape, value: lifted(id) })), node));
  }
  return lifted(graph.loss)[0];
}

/// Step of the difference. Kinks must be further away than 2 h.
const STEP = 3e-4;

/// The four-point difference (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h.
function numericGradient(graph, values, node) {
  return values[node].map((v, e) => {
    const at = (step) => replay(F64, graph, values, node, e, v + step);
    const near = at(STEP) - at(-STEP), far = at(2 * STEP) - at(-2 * STEP);
    return (8 * near - far) / (12 * STEP);
  });
}

/// Forward mode: one replay for each cell, with derivative 1 there.
function dualGradient(graph, values, node) {
  return values[node].map((v, e) => replay(DUAL, graph, values, node, e, { v, d: 1 }).d);
}

/// The part of the gradient of input k that goes through `node` alone, by dual numbers: g is the gradient of the node's value.
function dualPart(graph, values, node, k, g) {
  const x = inputsOf(graph, node, values);
  const op = OPS.get(node.op);
  return x[k].value.map((_, e) => {
    const dual = x.map((input, i) => ({
      shape: input.shape,
      value: input.value.map((v, at) => ({ v, d: i === k && at === e ? 1 : 0 })),
    }));
    return op.forward(DUAL, dual, node).reduce((sum, y, o) => sum + g[o] * y.d, 0);
  });
}

/// The walk from the loss to the start. When a node is reached, every node that used it has been passed, so its gradient g is
/// complete and can be handed on. The first writer of a gradient sets it, later ones add.
///
/// Gives the gradients (null where no path arrived) and a list of steps: { node, g, writes }, each write
/// { node, input, k, how, before, part, after, entries }.
function sweep(graph, values, fault) {
  const grads = graph.nodes.map(() => null);
  const steps = [];
  if (!graph.needs[graph.loss]) return { grads, steps };
  grads[graph.loss] = [1];
  for (let i = graph.loss; i >= 0; i--) {
    const node = graph.nodes[i], g = grads[i];
    if (g === null || isLeaf(node)) continue;
    const x = inputsOf(graph, node, values), y = { shape: node.shape, value: values[i] };
    const here = fault && fault.node === i ? breakageOf(fault.kind) : null;
    const writes = [];
    node.inputs.forEach((input, k) => {
      if (!graph.needs[input]) return;
      let entries = OPS.get(node.op).slopes(k, x, y, node);
      if (here && here.slope) entries = entries.map((entry) => ({ ...entry, slope: here.slope(entry.slope), at: undefined }));
      let part = new Array(values[input].length).fill(0);
      for (const { o, e, slope } of entries) part[e] += g[o] * slope;
      if (here && here.part) part = here.part(part, g.length);
      const before = grads[input];
      const how = before === null || (here && here.sets) ? "set" : "add";
      const after = how === "set" ? part : part.map((v, e) => before[e] + v);
      grads[input] = after;
      writes.push({ node: i, input, k, how, before, part, after, entries });
    });
    steps.push({ node: i, g, writes });
  }
  return { grads, steps };
}

/// The three derivatives of every parameter and variable: { node: { numeric, dual, tape } }. No path to the loss: zeros.
/// Nothing for a graph that is not computed.
function derivatives(graph, values, grads) {
  const out = {};
  if (!graph.computed) return out;
  for (const node of graph.nodes) {
    if (!isLeaf(node) || !graph.needs[node.id]) continue;
    out[node.id] = {
      numeric: numericGradient(graph, values, node.id),
      dual: dualGradient(graph, values, node.id),
      tape: grads[node.id] ?? values[node.id].map(() => 0),
    };
  }
  return out;
}
