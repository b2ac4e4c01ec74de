// The table of operations. One row of it is
//   forward(R, x, node)      the elements of the value in arithmetic R (f64 or dual numbers); x lists [{shape, value}]
//   slopes(k, x, y, node)    dy_o / dx_e for input k where it is not 0 by construction: [{o, e, slope, at}]; `at` = [input, cell] if
//                            the slope is just that number
//   write(x, y, node, o)     the value of cell o with its numbers, as pieces
//   say(x, y, node, k, entry)  where a slope comes from, in one line, or nothing
//   names                    what its inputs are called in formulas
// The gradient of input k is the sum of g_o slope over the entries of each cell e: `backward` is that sum, and nothing else.

const OPS = new Map();
const LEAVES = ["param", "state", "variable", "input"];

/// A piece of a formula: a number and where it stands (the number of an input, "g" or "y"). Pieces that are not numbers are text.
function piece(where, x) {
  return { where, text: fmt(x) };
}

/// The same inside a product: a negative number in parentheses.
function factor(where, x) {
  return { where, text: x < 0 ? "(" + fmt(x) + ")" : fmt(x) };
}

/// Pieces of a sum: what `terms` gives, joined by plus signs.
function joined(terms) {
  return terms.flatMap((term, i) => (i === 0 ? term : [" + ", ...term]));
}

function piecesText(pieces) {
  return pieces.map((p) => (typeof p === "string" ? p : p.text)).join("");
}

function isLeaf(node) {
  return LEAVES.includes(node.op);
}

/// Why the page cannot compute a node, or null.
function refusal(node) {
  if (isLeaf(node)) return null;
  const op = OPS.get(node.op);
  if (!op) return "This page does not compute the operation " + visible(node.op) + ".";
  return op.refuses ? op.refuses(node) : null;
}

/// A constant that is one number or [vertical, horizontal].
function pair(constant, otherwise) {
  if (constant === undefined || constant === null) return [otherwise, otherwise];
  return Array.isArray(constant) ? constant : [constant, constant];
}
