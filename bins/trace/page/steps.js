// Positions of the walk: forward node by node, the seed 1 at the loss, backward node by node, and the end.
// [{ phase: "forward" | "seed" | "backward" | "end", node, writes }]

function positionsOf(graph, swept) {
  const forwardSteps = graph.nodes.map((node) => ({ phase: "forward", node: node.id, writes: [] }));
  if (!swept || swept.steps.length === 0) return forwardSteps;
  return [
    ...forwardSteps,
    { phase: "seed", node: graph.loss, writes: [] },
    ...swept.steps.map((step) => ({ phase: "backward", node: step.node, writes: step.writes })),
    { phase: "end", node: null, writes: [] },
  ];
}

/// What is known at a position: { recorded: nodes so far, grads, written: writes so far, complete(node) }.
function knownAt(graph, positions, at) {
  const here = positions[at];
  const grads = graph.nodes.map(() => null);
  const written = [];
  if (here.phase !== "forward") grads[graph.loss] = [1];
  for (const position of positions.slice(0, at + 1)) {
    for (const write of position.writes) {
      grads[write.input] = write.after;
      written.push(write);
    }
  }
  const due = new Map();
  for (const position of positions) for (const write of position.writes) due.set(write.input, (due.get(write.input) ?? 0) + 1);
  const done = (node) => written.filter((write) => write.input === node).length;
  return {
    recorded: here.phase === "forward" ? here.node + 1 : graph.nodes.length,
    grads,
    written,
    complete: (node) => done(node) === (due.get(node) ?? 0),
  };
}

/// All writes of a gradient, in the order of the sweep.
function writesTo(swept, node) {
  return swept.steps.flatMap((step) => step.writes.filter((write) => write.input === node));
}

/// Whether a write sets a gradient that somebody has written before.
function overwrites(write) {
  return write.how === "set" && write.before !== null;
}

const ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth"];

function ordinal(n) {
  return ORDINALS[n] ?? n + 1 + "th";
}
