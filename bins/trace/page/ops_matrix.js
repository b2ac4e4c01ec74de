// Products, sums, and the same elements in another order.

/// C = A B in f64 or dual numbers: c_ij = sum_p a_ip b_pj.
function product(R, a, b) {
  const [m, k] = matrixOf(a.shape), [k2, n] = matrixOf(b.shape);
  if (k !== k2) throw new Error("inner sizes differ: " + k + " and " + k2);
  const out = new Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = R.of(0);
      for (let p = 0; p < k; p++) sum = R.add(sum, R.mul(a.value[i * k + p], b.value[p * n + j]));
      out[i * n + j] = sum;
    }
  }
  return out;
}

/// dA = G B^T: da_ip = sum_j g_ij b_pj. dB = A^T G: db_pj = sum_i a_ip g_ij.
function productSlopes(input, a, b) {
  const [m, k] = a.shape, n = b.shape[1];
  const entries = [];
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let p = 0; p < k; p++) {
        const o = i * n + j, left = i * k + p, right = p * n + j;
        entries.push(input === 0
          ? { o, e: left, slope: b.value[right], at: [1, right] }
          : { o, e: right, slope: a.value[left], at: [0, left] });
      }
    }
  }
  return entries;
}

function productTerms([a, b], o) {
  const k = a.shape[1], n = b.shape[1];
  const i = Math.floor(o / n), j = o % n;
  return Array.from({ length: k }, (_, p) => [factor(0, a.value[i * k + p]), " × ", factor(1, b.value[p * n + j])]);
}

OPS.set("matmul", {
  names: ["A", "B"],
  product: true,
  rule: "dA = G Bᵀ, dB = Aᵀ G",
  forward: (R, [a, b]) => product(R, a, b),
  slopes: (k, [a, b]) => productSlopes(k, a, b),
  write: (x, y, node, o) => joined(productTerms(x, o)),
});

OPS.set("linear", {
  names: ["x", "W", "b"],
  product: true,
  rule: "dx = G Wᵀ, dW = xᵀ G, db = the sum of the rows of G",
  forward(R, [x, w, b]) {
    const n = w.shape[1];
    return product(R, x, w).map((v, o) => R.add(v, b.value[o % n]));
  },
  slopes(k, [x, w], y) {
    if (k < 2) return productSlopes(k, x, w);
    return y.value.map((_, o) => ({ o, e: o % w.shape[1], slope: 1 }));
  },
  write: (x, y, node, o) => joined([...productTerms(x, o), [factor(2, x[2].value[o % x[1].shape[1]])]]),
});

/// A sum whose cell o is made of the cells e with `part(e, shape) == o`, times a constant.
function sum(rule, part, scaleOf) {
  return {
    names: ["x"],
    rule,
    forward(R, [x], node) {
      const out = Array.from({ length: sizeOf(node.shape) }, () => R.of(0));
      x.value.forEach((v, e) => {
        const o = part(e, x.shape);
        out[o] = R.add(out[o], v);
      });
      const scale = scaleOf(node, x);
      return scale === 1 ? out : out.map((v) => R.mul(v, R.of(scale)));
    },
    slopes: (k, [x], y, node) => x.value.map((_, e) => ({ o: part(e, x.shape), e, slope: scaleOf(node, x) })),
    write([x], y, node, o) {
      const terms = x.value.map((v, e) => [e, v]).filter(([e]) => part(e, x.shape) === o);
      const total = joined(terms.map(([e, v], i) => [i === 0 ? piece(0, v) : factor(0, v)]));
      const scale = scaleOf(node, x);
      return scale === 1 ? total : [fmt(scale) + " × (", ...total, ")"];
    },
  };
}

const constantScale = (node) => node.constants.scale ?? 1;
OPS.set("sum", sum("every element gets g, times the constant if there is one", () => 0, constantScale));
OPS.set("mean", sum("every element gets g / n", () => 0, (node, x) => 1 / sizeOf(x.shape)));
OPS.set("sum_rows", sum("every element of row i gets g_i", (e, [, columns]) => Math.floor(e / columns), constantScale));
OPS.set("sum_columns", sum("every element of column j gets g_j", (e, [, columns]) => e % columns, constantScale));

/// The same elements; cell o of the result is cell `from(o, shape of x)`.
function moved(rule, from) {
  return {
    names: ["x"],
    rule,
    forward: (R, [x]) => x.value.map((_, o) => x.value[from(o, x.shape)]),
    slopes: (k, [x]) => x.value.map((_, o) => ({ o, e: from(o, x.shape), slope: 1 })),
    write: ([x], y, node, o) => [piece(0, x.value[from(o, x.shape)])],
  };
}

OPS.set("reshape", moved("slope 1: g under the old shape", (o) => o));
OPS.set("transpose", moved("slope 1: g transposed", (o, [rows, columns]) => (o % rows) * columns + Math.floor(o / rows)));
// A constant for differences and duals too: `replay` gives it the value that was recorded.
OPS.set("detach", { ...moved("no gradient flows through it", (o) => o), constant: true });
