// What a pattern of differences says about the mistake. The same table, word for word, is in the program.
// [key, pattern, words]
const DIAGNOSES = [
  ["kink", "dual and tape agree, the difference does not", "a kink within 2h: the difference steps over it"],
  ["unwritten", "NaN", "an element was never written"],
  ["nothing", "ratio 0", "the gradient is not handed on"],
  ["sign", "ratio -1", "the sign is wrong"],
  ["twice", "ratio 2", "counted twice, or a factor 1/2 forgotten"],
  ["half", "ratio 1/2", "a factor 2 forgotten, a mean of two, or one of two uses not counted"],
  ["unmasked", "0 expected in all wrong cells", "what makes it 0 there, a mask, a weight or the flat part of a function, is not in the slope"],
  ["overwritten", "one use's part is missing", "= in place of +=: a later use overwrote an earlier one"],
  ["reduction", "one ratio in all cells", "the reduction: a mean in place of a sum, or a sum in place of a mean"],
  ["slope", "any other ratio, or one that differs from cell to cell", "the slope is wrong, or one of several uses overwrites another"],
];

/// How far two derivatives may be apart, relative to the largest of 1 and the derivatives.
const AGREE = 1e-7;

function apart(a, b) {
  return !(Math.abs(a - b) <= AGREE * Math.max(1, Math.abs(a), Math.abs(b)));
}

/// The key of what is wrong with a gradient, or null where all agree: { key, ratio }.
/// `parts` lists what each use should hand on, in the order of writing, if that is known.
function diagnose({ numeric, dual, tape, parts }) {
  const cells = dual.map((_, e) => e);
  const wrong = cells.filter((e) => apart(dual[e], tape[e]));
  if (wrong.length === 0) return cells.some((e) => apart(numeric[e], dual[e])) ? { key: "kink" } : null;
  if (wrong.some((e) => Number.isNaN(tape[e]))) return { key: "unwritten" };
  if (parts && parts.length > 1) {
    const last = parts[parts.length - 1];
    const missing = cells.every((e) => !apart(tape[e], last[e]));
    if (missing) return { key: "overwritten" };
  }
  if (wrong.every((e) => !apart(dual[e], 0))) return { key: "unmasked" };
  // Where the derivative is 0 there is no ratio, and the tape has to have 0 too.
  const some = cells.filter((e) => apart(dual[e], 0) || apart(tape[e], 0));
  if (some.some((e) => !apart(dual[e], 0))) return { key: "slope" };
  const ratios = some.map((e) => tape[e] / dual[e]);
  const ratio = ratios[0];
  if (!ratios.every((r) => Math.abs(r - ratio) <= 1e-6 * Math.max(1, Math.abs(ratio)))) return { key: "slope" };
  const known = [[0, "nothing"], [-1, "sign"], [2, "twice"], [0.5, "half"]].find(([r]) => Math.abs(r - ratio) <= 1e-6);
  if (known) return { key: known[1], ratio };
  return { key: some.length > 1 ? "reduction" : "slope", ratio };
}

function wordsOf(key) {
  return DIAGNOSES.find((row) => row[0] === key)[2];
}

/// The first write of the sweep that is not what it should be, with its diagnosis: { write, key, ratio }, or null. Gradients of
/// later nodes are right, so no other mistake is mixed in. What should be comes from dual numbers and differences.
function firstWrong(graph, values, swept) {
  const right = new Map();
  const rightOf = (node) => {
    if (!right.has(node)) right.set(node, dualGradient(graph, values, node));
    return right.get(node);
  };
  const soFar = new Map();
  for (const step of swept.steps) {
    for (const write of step.writes) {
      const due = dualPart(graph, values, graph.nodes[write.node], write.k, rightOf(write.node));
      const parts = [...(soFar.get(write.input) ?? []), due];
      soFar.set(write.input, parts);
      const handed = diagnose({ numeric: due, dual: due, tape: write.part });
      if (handed) return { write, ...handed };
      const total = parts.reduce((sum, part) => sum.map((v, e) => v + part[e]));
      const kept = diagnose({ numeric: total, dual: total, tape: write.after, parts });
      if (kept) return { write, ...kept };
    }
  }
  return null;
}
