// What can be broken at a node, on purpose: mistakes that are made when a backward pass is written by hand.
//   sets         the node sets where it should add
//   slope(s)     what becomes of each slope
//   part(p, n)   what becomes of what it hands on; n is the number of cells of its own value

const BREAKAGES = [
  { kind: "set", words: "= in place of +=", sets: true },
  { kind: "slope", words: "slope forgotten: hands on g alone", slope: () => 1 },
  { kind: "sign", words: "wrong sign", part: (p) => p.map((v) => -v) },
  { kind: "twice", words: "added twice", part: (p) => p.map((v) => 2 * v) },
  { kind: "nothing", words: "not handed on", part: (p) => p.map(() => 0) },
  { kind: "unwritten", words: "last element never written", part: (p) => p.map((v, e) => (e === p.length - 1 ? NaN : v)) },
  { kind: "mean", words: "mean in place of the sum", part: (p, n) => p.map((v) => v / Math.max(n, p.length)) },
];

function breakageOf(kind) {
  const found = BREAKAGES.find((breakage) => breakage.kind === kind);
  if (!found) throw new Error("there is no breakage named " + visible(kind));
  return found;
}

/// Why a breakage at a node changes nothing, for the reader who tried.
function harmless(graph, swept, fault) {
  const step = swept.steps.find((s) => s.node === fault.node);
  if (!step) return "No gradient passes this node, so nothing can break in it.";
  switch (fault.kind) {
    case "set":
      return "This node is the first to write every gradient it writes, and the first writer sets: = and += are the same here.";
    case "slope":
      return "All slopes of this node are 1 here, so g alone is right.";
    case "mean":
      return "There is one cell only: mean and sum are the same.";
    default:
      return "What this node hands on is 0 here, and stays 0.";
  }
}
