// Functions of one variable, element by element: y = f(x), dx = g f'(x).

const POINTWISE = {
  neg: {
    f: (R, x) => R.neg(x),
    slope: () => -1,
    write: (x) => ["−", factor(0, x)],
    rule: "−1",
  },
  scale: {
    f: (R, x, c) => R.mul(x, R.of(c.factor)),
    slope: (x, y, c) => c.factor,
    write: (x, c) => [fmt(c.factor), " × ", factor(0, x)],
    rule: "the constant c",
  },
  shift: {
    f: (R, x, c) => R.add(x, R.of(c.by)),
    slope: () => 1,
    write: (x, c) => [piece(0, x), " + ", { text: c.by < 0 ? "(" + fmt(c.by) + ")" : fmt(c.by) }],
    rule: "1",
  },
  relu: {
    f: (R, x) => R.max(R.of(0), x),
    slope: (x, y) => (y > 0 ? 1 : y), // y is 0 or NaN elsewhere
    write: (x) => ["max(", piece(0, x), ", 0)"],
    rule: "1 where x > 0, else 0",
    say: (x) => "x = " + fmt(x) + (x > 0 ? " > 0" : " is not above 0"),
  },
  leaky_relu: {
    f: (R, x, c) => (R.value(x) > 0 ? x : R.mul(R.of(c.slope), x)),
    slope: (x, y, c) => (x > 0 ? 1 : Number.isNaN(x) ? x : c.slope),
    write: (x, c) => (x > 0 ? [piece(0, x)] : [fmt(c.slope), " × ", factor(0, x)]),
    rule: "1 where x > 0, else a",
    say: (x) => "x = " + fmt(x) + (x > 0 ? " > 0" : " is not above 0"),
  },
  sigmoid: {
    f: (R, x) => R.sigmoid(x),
    slope: (x, y) => y * F64.sigmoid(-x),
    write: (x) => ["1 / (1 + e^−", factor(0, x), ")"],
    rule: "σ(x) σ(−x)",
    say: (x, y) => fmt(y) + " × " + fmt(F64.sigmoid(-x)),
  },
  tanh: {
    f: (R, x) => R.tanh(x),
    slope: (x, y) => 1 - y * y,
    write: (x) => ["tanh(", piece(0, x), ")"],
    rule: "1 − y²",
    say: (x, y) => "1 − " + (y < 0 ? "(" + fmt(y) + ")" : fmt(y)) + "²",
  },
  softplus: {
    f: (R, x) => R.softplus(x),
    slope: (x) => F64.sigmoid(x),
    write: (x) => ["ln(1 + e^", factor(0, x), ")"],
    rule: "σ(x)",
    say: (x) => "σ(" + fmt(x) + ")",
  },
  log_sigmoid: {
    f: (R, x) => R.neg(R.softplus(R.neg(x))),
    slope: (x) => F64.sigmoid(-x),
    write: (x) => ["ln σ(", piece(0, x), ")"],
    rule: "σ(−x)",
    say: (x) => "σ(" + fmt(-x) + ")",
  },
  exp: {
    f: (R, x) => R.exp(x),
    slope: (x, y) => y,
    write: (x) => ["e^", factor(0, x)],
    rule: "y = e^x",
    say: () => "the value y itself",
  },
  ln: {
    f: (R, x) => R.ln(x),
    slope: (x) => 1 / x,
    write: (x) => ["ln ", factor(0, x)],
    rule: "1 / x",
    say: (x) => "1 / " + fmt(x),
  },
  sqrt: {
    f: (R, x) => R.sqrt(x),
    slope: (x, y) => 0.5 / y,
    write: (x) => ["√", factor(0, x)],
    rule: "1 / (2 y)",
    say: (x, y) => "1 / (2 × " + fmt(y) + ")",
  },
  abs: {
    f: (R, x) => R.abs(x),
    slope: (x) => Math.sign(x), // 0 at 0, NaN at NaN
    write: (x) => ["|", piece(0, x), "|"],
    rule: "the sign of x, 0 at 0",
    say: (x) => "x = " + fmt(x),
  },
  pow: {
    f: (R, x, c) => R.pow(x, c.exponent),
    slope: (x, y, c) => (c.exponent === 0 ? 0 : c.exponent === 1 ? (Number.isNaN(x) ? x : 1) : c.exponent * x ** (c.exponent - 1)),
    write: (x, c) => [factor(0, x), "^" + fmt(c.exponent)],
    rule: "k x^(k − 1)",
    say: (x, y, c) => fmt(c.exponent) + " × " + (x < 0 ? "(" + fmt(x) + ")" : fmt(x)) + "^" + fmt(c.exponent - 1),
  },
  clamp: {
    f: (R, x, c) => R.min(R.max(x, R.of(c.low)), R.of(c.high)),
    slope: (x, y, c) => (x >= c.low && x <= c.high ? 1 : Number.isNaN(x) ? x : 0),
    write: (x, c) => ["min(max(", piece(0, x), ", " + fmt(c.low) + "), " + fmt(c.high) + ")"],
    rule: "1 inside, 0 outside",
    say: (x, y, c) => fmt(x) + (x >= c.low && x <= c.high ? " is inside" : " is outside"),
  },
};

for (const [name, f] of Object.entries(POINTWISE)) {
  OPS.set(name, {
    names: ["x"],
    rule: "slope = " + f.rule,
    forward: (R, [x], node) => x.value.map((v) => f.f(R, v, node.constants)),
    slopes: (k, [x], y, node) =>
      x.value.map((v, e) => ({ o: e, e, slope: f.slope(v, y.value[e], node.constants) })),
    write: ([x], y, node, o) => f.write(x.value[o], node.constants),
    say: ([x], y, node, k, { e }) => (f.say ? f.say(x.value[e], y.value[e], node.constants) : ""),
  });
}
