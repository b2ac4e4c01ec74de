// Sums written out: the value of a cell, the part that a node hands to a cell of its input, and a gradient that is made of parts.

/// From this number of terms on those that are 0 are counted, not written.
const MANY_TERMS = 12;
/// Terms beyond this number are counted, not written.
const MOST_TERMS = 40;

/// What an input of a node is called in its formulas: A, B, x, W.
function inputName(node, k) {
  return OPS.get(node.op).names[k] ?? "x" + k;
}

/// The same with the node that it is.
function called(model, node, k) {
  const name = inputName(node, k), title = titleOf(model.graph.nodes[node.inputs[k]]);
  return name === title ? name : name + " = " + title;
}

/// y[o] = ... = value.
function valueWritten(model, node, o) {
  const x = inputsOf(model.graph, node, model.values), y = { shape: node.shape, value: model.values[node.id] };
  return ["y" + cellText(node.shape, o) + " = ", ...OPS.get(node.op).write(x, y, node, o), " = ", { where: "y", text: fmt(y.value[o]) }];
}

/// g slope + g slope + ... over the entries of one cell.
function termsWritten(entries, g) {
  const shown = entries.length > MANY_TERMS ? entries.filter(({ o, slope }) => g[o] * slope !== 0) : entries;
  const zeros = entries.length - shown.length;
  const terms = shown.slice(0, MOST_TERMS).map(({ o, slope, at }) => [
    factor("g", g[o]), " × ", factor(at ? at[0] : "slope", slope),
  ]);
  if (shown.length > MOST_TERMS) terms.push([shown.length - MOST_TERMS + " more"]);
  if (zeros > 0) terms.push([zeros + " times 0"]);
  return terms.length > 0 ? joined(terms) : ["0"];
}

/// The part that a write hands to cell e: d[e] = g × slope + ... = part. If the node is broken the last number is what it handed on.
function partWritten(model, write, e) {
  const node = model.graph.nodes[write.node];
  const entries = write.entries.filter((entry) => entry.e === e);
  const g = model.swept.grads[write.node];
  const name = "d" + inputName(node, write.k) + cellText(model.graph.nodes[write.input].shape, e);
  const sum = entries.reduce((total, { o, slope }) => total + g[o] * slope, 0);
  const broken = sum !== write.part[e] && !(Number.isNaN(sum) && Number.isNaN(write.part[e]));
  return [name + " = ", ...termsWritten(entries, g), " = ",
    { where: "part", text: fmt(sum) }, ...(broken ? [", and hands on ", { where: "bad", text: fmt(write.part[e]) }] : [])];
}

/// What becomes of the gradient: set by the first writer, added to by later ones.
function keptWritten(model, write, e) {
  const name = titleOf(model.graph.nodes[write.input]) + cellText(model.graph.nodes[write.input].shape, e);
  if (write.before === null) return ["set: the gradient of " + name + " is ", { where: "grad", text: fmt(write.after[e]) }];
  if (overwrites(write)) {
    return ["set, though it had ", { where: "bad", text: fmt(write.before[e]) }, " already: the gradient of " + name + " is ", { where: "bad", text: fmt(write.after[e]) }];
  }
  return ["add: ", factor("grad", write.before[e]), " + ", factor("part", write.part[e]), " = ", { where: "grad", text: fmt(write.after[e]) }];
}

/// The slope of the one entry of a cell in words, or nothing.
function slopeWritten(model, write, e) {
  const node = model.graph.nodes[write.node];
  const entries = write.entries.filter((entry) => entry.e === e);
  if (entries.length !== 1 || entries[0].at) return null;
  const x = inputsOf(model.graph, node, model.values), y = { shape: node.shape, value: model.values[node.id] };
  const say = OPS.get(node.op).say;
  const text = say ? say(x, y, node, write.k, entries[0]) : "";
  return text ? ["slope: " + text + " → ", { where: "slope", text: fmt(entries[0].slope) }] : null;
}

/// The first cell of what happens at a position, as one formula.
function nowWritten(model) {
  const { graph, positions, at } = model;
  const { phase, node: id, writes } = positions[at];
  if (phase === "forward" && !isLeaf(graph.nodes[id]) && graph.computed) return valueWritten(model, graph.nodes[id], 0);
  const open = writes.filter((write) => !model.hides(write.input));
  return open.flatMap((write, i) => [i === 0 ? "" : ";  ", ...partWritten(model, write, 0)]);
}

/// One sentence on a position.
function sentence(model) {
  const { graph, positions, at } = model;
  const { phase, node: id, writes } = positions[at];
  if (phase === "end" && model.fault) return "Done, with #" + model.fault.node + " " + titleOf(graph.nodes[model.fault.node]) + " broken. Gradients that are wrong are red.";
  if (phase === "end") return "Done. Every node has been passed, so every gradient is complete: this is d loss / d node.";
  const node = graph.nodes[id];
  const title = "#" + id + " " + titleOf(node);
  if (phase === "seed") return "The loss is " + title + ". The derivative of the loss with respect to itself is 1: the walk back starts with g = 1.";
  if (phase === "forward") {
    if (isLeaf(node)) return title + " is written on the tape: " + { param: "a parameter", state: "state", variable: "a variable", input: "data, for which no gradient is computed" }[node.op] + ".";
    return title + " is computed from " + listed(node.inputs.map((input) => "#" + input + " " + titleOf(graph.nodes[input]))) + " and written on the tape.";
  }
  const parts = writes.map((write) => titleOf(graph.nodes[write.input]) + " (" + write.how + ")");
  return title + ": every node that used it has been passed, so its g is complete. It hands g × slope to " + listed(parts) + ".";
}

function listed(words) {
  return words.length < 2 ? words.join("") : words.slice(0, -1).join(", ") + " and " + words[words.length - 1];
}
