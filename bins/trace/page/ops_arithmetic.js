// Addition, subtraction, multiplication, division, the larger and the smaller of two, with broadcasting: one shape, or one operand is a
// number, a row [C] or [1, C], or a column [B, 1] against [B, C]. A broadcast operand stands in many places of the result, so its
// gradient is the sum over those places.

/// Which cell of an operand stands at cell `o` of the result.
function placeOf(operand, full, o) {
  const n = sizeOf(operand);
  if (operand.join() === full.join()) return o;
  if (n === 1) return 0;
  const columns = full[full.length - 1];
  if (full.length === 2 && operand.length === 2 && operand[1] === 1 && operand[0] === full[0]) return Math.floor(o / columns);
  if (full.length === 2 && n === columns && operand[operand.length - 1] === columns) return o % columns;
  throw new Error("[" + operand.join(", ") + "] does not broadcast against [" + full.join(", ") + "]");
}

/// 1 where `won`, 1/2 for equals, 0 elsewhere, NaN beside a NaN.
function share(won, a, b) {
  if (Number.isNaN(a) || Number.isNaN(b)) return NaN;
  return won ? 1 : a === b ? 0.5 : 0;
}

const half = (R, a, b) => R.mul(R.add(a, b), R.of(0.5));
const equal = (R, a, b) => R.value(a) === R.value(b);

const ARITHMETIC = {
  add: { f: (R, a, b) => R.add(a, b), da: () => 1, db: () => 1, sign: "+", rule: "slopes 1 and 1" },
  sub: { f: (R, a, b) => R.sub(a, b), da: () => 1, db: () => -1, sign: "−", rule: "slopes 1 and −1" },
  mul: { f: (R, a, b) => R.mul(a, b), da: (a, b) => b, db: (a) => a, sign: "×", rule: "the slope of one is the other: b and a", at: true },
  div: {
    f: (R, a, b) => R.div(a, b),
    da: (a, b) => 1 / b,
    db: (a, b) => -(a / b) / b,
    sign: "/",
    rule: "slopes 1 / b and −a / b²",
    say: (a, b, k) => (k === 0 ? "1 / " + fmt(b) : "−" + fmt(a) + " / " + fmt(b) + "²"),
  },
  max: {
    f: (R, a, b) => (equal(R, a, b) ? half(R, a, b) : R.max(a, b)),
    da: (a, b) => share(a > b, a, b),
    db: (a, b) => share(b > a, a, b),
    rule: "1 for the larger, 0 for the other, 1/2 each for equals",
    say: (a, b) => "max of " + fmt(a) + " and " + fmt(b),
  },
  min: {
    f: (R, a, b) => (equal(R, a, b) ? half(R, a, b) : R.min(a, b)),
    da: (a, b) => share(a < b, a, b),
    db: (a, b) => share(b < a, a, b),
    rule: "1 for the smaller, 0 for the other, 1/2 each for equals",
    say: (a, b) => "min of " + fmt(a) + " and " + fmt(b),
  },
};

for (const [name, f] of Object.entries(ARITHMETIC)) {
  const both = ([a, b], full, o) => [placeOf(a.shape, full, o), placeOf(b.shape, full, o)];
  OPS.set(name, {
    names: ["a", "b"],
    rule: f.rule,
    forward(R, x, node) {
      return Array.from({ length: sizeOf(node.shape) }, (_, o) => {
        const [i, j] = both(x, node.shape, o);
        return f.f(R, x[0].value[i], x[1].value[j]);
      });
    },
    slopes(k, x, y, node) {
      return y.value.map((_, o) => {
        const places = both(x, node.shape, o);
        const [a, b] = [x[0].value[places[0]], x[1].value[places[1]]];
        const slope = k === 0 ? f.da(a, b) : f.db(a, b);
        return { o, e: places[k], slope, at: f.at ? [1 - k, places[1 - k]] : undefined };
      });
    },
    write(x, y, node, o) {
      const [i, j] = both(x, node.shape, o);
      const [a, b] = [x[0].value[i], x[1].value[j]];
      if (!f.sign) return [name + "(", piece(0, a), ", ", piece(1, b), ")"];
      const first = name === "mul" || name === "div" ? factor(0, a) : piece(0, a);
      return [first, " " + f.sign + " ", factor(1, b)];
    },
    say(x, y, node, k, { o }) {
      if (!f.say) return "";
      const [i, j] = both(x, node.shape, o);
      return f.say(x[0].value[i], x[1].value[j], k);
    },
  });
}
