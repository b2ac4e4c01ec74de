// Losses that are one node: value and slope of each cell, over the logits z and labels 1, 0 and null (unknown).
// p = sigma(z), n = sigma(-z); softplus(-z) = -ln p, softplus(z) = -ln(1 - p).

const LOSSES = new Map();

LOSSES.set("bce", {
  value(R, z, label) {
    if (label === null) return R.of(0);
    return label === 1 ? R.softplus(R.neg(z)) : R.softplus(z);
  },
  slope: (z, label) => (label === null ? 0 : label === 1 ? -F64.sigmoid(-z) : F64.sigmoid(z)),
  formula: "−ln p on positives, −ln(1 − p) on negatives, 0 on unknown cells (?); p = σ(z)",
  rule: "p − y; 0 on unknown cells",
  say(z, label) {
    if (label === null) return "unknown: nobody looked, slope 0";
    return label === 1 ? "p − 1 = " + fmt(F64.sigmoid(z)) + " − 1" : "p = σ(" + fmt(z) + ")";
  },
});

const hillConstants = (c) => ({ lambda: c.lambda ?? 1.5, margin: c.margin ?? 1, gamma: c.gamma ?? 2 });

// y = 1: L = r^g lp(s), dL/dz = -r^g (g q lp(s) + r) with s = z - m, q = sigma(s), r = sigma(-s), lp(s) = softplus(-s)
// else:  L = (lambda - p) p^2, dL/dz = p^2 n (2 lambda - 3 p)
LOSSES.set("hill", {
  value(R, z, label, c) {
    const { lambda, margin, gamma } = hillConstants(c);
    if (label === 1) {
      const turned = R.neg(R.sub(z, R.of(margin)));
      return R.mul(R.pow(R.sigmoid(turned), gamma), R.softplus(turned));
    }
    const p = R.sigmoid(z);
    return R.mul(R.mul(R.sub(R.of(lambda), p), p), p);
  },
  slope(z, label, c) {
    const { lambda, margin, gamma } = hillConstants(c);
    if (label === 1) {
      const q = F64.sigmoid(z - margin), r = F64.sigmoid(margin - z);
      return -(r ** gamma) * (gamma * q * F64.softplus(margin - z) + r);
    }
    const p = F64.sigmoid(z);
    return p * p * F64.sigmoid(-z) * (2 * lambda - 3 * p);
  },
  formula: "r^γ lp on positives, (λ − p) p² on negatives and unknown cells (?) alike; p = σ(z), n = 1 − p, r = σ(m − z), q = 1 − r, lp = −ln(1 − r), m the margin",
  rule: "−r^γ (γ q lp + r) on positives, p² n (2λ − 3p) on the others",
  say(z, label, c) {
    const { lambda, margin, gamma } = hillConstants(c);
    if (label === 1) {
      const q = F64.sigmoid(z - margin), r = F64.sigmoid(margin - z), lp = F64.softplus(margin - z);
      return "−(" + fmt(r) + "^" + fmt(gamma) + ") × (" + [fmt(gamma), fmt(q), fmt(lp)].join(" × ") + " + " + fmt(r) + ")";
    }
    const p = F64.sigmoid(z);
    return fmt(p) + "² × " + fmt(F64.sigmoid(-z)) + " × (2 × " + fmt(lambda) + " − 3 × " + fmt(p) + ")";
  },
});

/// What the sum over cells is multiplied with.
function reductionOf(node) {
  const labels = node.constants.labels;
  if (node.constants.reduction === "mean") return 1 / labels.length;
  if (node.constants.reduction === "mean_known") return 1 / Math.max(1, labels.filter((l) => l !== null).length);
  return 1;
}

OPS.set("fused_loss", {
  names: ["z"],
  refuses(node) {
    if (!LOSSES.has(node.constants.loss)) return "This page does not compute the loss " + visible(node.constants.loss) + ".";
    const labels = node.constants.labels;
    if (!Array.isArray(labels) || labels.some((l) => ![0, 1, null].includes(l))) return "The labels of this loss are not 1, 0 or null.";
    if (!["sum", "mean", "mean_known", undefined].includes(node.constants.reduction)) {
      return "This page does not compute the reduction " + visible(node.constants.reduction) + ".";
    }
    return node.inputs.length === 1 ? null : "This page computes losses of one input.";
  },
  rule: "each logit has its own slope, computed with the value",
  forward(R, [z], node) {
    const loss = LOSSES.get(node.constants.loss);
    const cells = z.value.map((v, e) => loss.value(R, v, node.constants.labels[e], node.constants));
    return [R.mul(sumOf(R, cells), R.of(reductionOf(node)))];
  },
  slopes(k, [z], y, node) {
    const loss = LOSSES.get(node.constants.loss), factor = reductionOf(node);
    return z.value.map((v, e) => ({ o: 0, e, slope: factor * loss.slope(v, node.constants.labels[e], node.constants) }));
  },
  write([z], y, node) {
    const loss = LOSSES.get(node.constants.loss), factor = reductionOf(node);
    const cells = z.value.map((v, e) => [{ where: 0, cell: e, text: fmt(loss.value(F64, v, node.constants.labels[e], node.constants)) }]);
    const total = joined(cells);
    return factor === 1 ? total : ["(", ...total, ") × " + fmt(factor)];
  },
  say([z], y, node, k, { e }) {
    const text = LOSSES.get(node.constants.loss).say(z.value[e], node.constants.labels[e], node.constants);
    const factor = reductionOf(node);
    return factor === 1 ? text : "(" + text + ") × " + fmt(factor);
  },
});
