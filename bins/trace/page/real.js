// Scalars that formulas are written in once: f64, and the dual number v + d eps with eps^2 = 0, on which arithmetic is the chain rule.

const F64 = {
  of: (x) => x,
  value: (x) => x,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  neg: (a) => -a,
  exp: Math.exp,
  ln: Math.log,
  sqrt: Math.sqrt,
  pow: (x, k) => (k === 0 ? 1 : x ** k),
  abs: Math.abs,
  tanh: Math.tanh,
  /// 1 / (1 + e^-x), computed from e^-|x| so that neither tail overflows.
  sigmoid(x) {
    const e = Math.exp(-Math.abs(x));
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
  },
  /// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|).
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  /// The larger of two; the first of two equals. NaN on either side gives NaN.
  max: (a, b) => (b > a || Number.isNaN(b) ? b : a),
  min: (a, b) => (b < a || Number.isNaN(b) ? b : a),
};

/// f(x) with f'(x) given. A constant keeps an exact 0 where f' is infinite.
function chain(x, value, slope) {
  return { v: value, d: x.d === 0 ? 0 : slope * x.d };
}

const DUAL = {
  of: (x) => ({ v: x, d: 0 }),
  value: (x) => x.v,
  add: (a, b) => ({ v: a.v + b.v, d: a.d + b.d }),
  sub: (a, b) => ({ v: a.v - b.v, d: a.d - b.d }),
  mul: (a, b) => ({ v: a.v * b.v, d: a.d * b.v + a.v * b.d }),
  div(a, b) {
    const v = a.v / b.v;
    return { v, d: (a.d - v * b.d) / b.v };
  },
  neg: (a) => ({ v: -a.v, d: -a.d }),
  exp(x) {
    const e = Math.exp(x.v);
    return chain(x, e, e);
  },
  ln: (x) => chain(x, Math.log(x.v), 1 / x.v),
  sqrt(x) {
    const root = Math.sqrt(x.v);
    return chain(x, root, 0.5 / root);
  },
  pow: (x, k) => (k === 0 ? { v: 1, d: 0 } : chain(x, x.v ** k, k * x.v ** (k - 1))),
  abs: (x) => chain(x, Math.abs(x.v), Math.sign(x.v)),
  tanh(x) {
    const t = Math.tanh(x.v);
    return chain(x, t, 1 - t * t);
  },
  sigmoid(x) {
    const p = F64.sigmoid(x.v);
    return chain(x, p, p * F64.sigmoid(-x.v));
  },
  softplus: (x) => chain(x, F64.softplus(x.v), F64.sigmoid(x.v)),
  max: (a, b) => (b.v > a.v || Number.isNaN(b.v) ? b : a),
  min: (a, b) => (b.v < a.v || Number.isNaN(b.v) ? b : a),
};

/// The sum of many, from 0 on.
function sumOf(R, terms) {
  let sum = R.of(0);
  for (const term of terms) sum = R.add(sum, term);
  return sum;
}
