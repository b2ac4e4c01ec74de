// Every operation's gradient on the tape against dual numbers and differences.
import assert from "node:assert/strict";
import test from "node:test";
import { graph, page } from "./load.mjs";

/// Numbers from a small generator: the same in every run.
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const any = (next) => 4 * next() - 2;
const positive = (next) => 0.3 + 2 * next();

/// Distinct numbers in random order, far enough from each other and from 0 for a difference.
function distinct(n, next) {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order.map((i) => (i - n / 2 + 0.25) * 0.11);
}

/// op on leaves of these shapes; a weighted sum of its value is the loss, so that every cell has a g of its own.
function weighted(op, shapes, out, constants, numbers, seed, before, after) {
  const next = random(seed);
  const list = shapes.map((shape) => ["variable", shape, numbers(page.sizeOf(shape), next)]);
  const inputs = shapes.map((_, i) => i);
  const weight = list.push(["input", out, Array.from({ length: page.sizeOf(out) }, () => any(next))]) - 1;
  const sums = [];
  const square = (id, shape) => {
    const twice = list.push(["mul", [id, id], shape]) - 1;
    sums.push(list.push(["sum", [twice], [], { scale: 0.5 }]) - 1);
  };
  if (before) inputs.forEach((id) => square(id, shapes[id]));
  const y = list.push([op, inputs, out, constants]) - 1;
  const product = list.push(["mul", [y, weight], out]) - 1;
  sums.push(list.push(["sum", [product], []]) - 1);
  if (after) inputs.forEach((id) => square(id, shapes[id]));
  sums.reduce((total, part) => list.push(["add", [total, part], []]) - 1);
  return graph(list);
}

function agree(made, what) {
  const { grads } = page.sweep(made.graph, made.values, null);
  const all = page.derivatives(made.graph, made.values, grads);
  assert.ok(Object.keys(all).length > 0, what);
  for (const [node, { numeric, dual, tape }] of Object.entries(all)) {
    tape.forEach((g, e) => {
      const size = Math.max(1, Math.abs(dual[e]), Math.abs(made.values[made.graph.loss][0]));
      assert.ok(Math.abs(g - dual[e]) <= 1e-12 * size, `${what}: node ${node}, cell ${e}: tape ${g}, dual ${dual[e]}`);
      assert.ok(Math.abs(numeric[e] - dual[e]) <= 1e-9 * size, `${what}: node ${node}, cell ${e}: numeric ${numeric[e]}, dual ${dual[e]}`);
    });
  }
}

const several = (f) => (n, next) => Array.from({ length: n }, () => f(next));
const away = (n, next) => distinct(n, next);

const POINTWISE = [
  ["neg"], ["scale", { factor: -0.75 }], ["shift", { by: 0.5 }], ["relu", {}, away], ["leaky_relu", { slope: 0.01 }, away],
  ["sigmoid"], ["tanh"], ["softplus"], ["log_sigmoid"], ["exp"], ["ln", {}, several(positive)], ["sqrt", {}, several(positive)],
  ["abs", {}, away], ["pow", { exponent: 3 }], ["pow", { exponent: 1 }], ["pow", { exponent: 0 }],
  ["pow", { exponent: 1.7 }, several(positive)], ["clamp", { low: -0.305, high: 0.3 }, away],
];

const CASES = [
  ...POINTWISE.flatMap(([op, constants = {}, numbers = several(any)]) =>
    [[], [5], [3, 4]].map((shape) => [op, [shape], shape, constants, numbers])),
  ...["add", "sub", "mul", "div", "max", "min"].flatMap((op) => [
    [[], []], [[1, 1], [1, 1]], [[3, 5], [3, 5]], [[2, 3, 2, 2], [2, 3, 2, 2]], [[4, 3], [3]], [[4, 3], [1, 3]], [[3], [4, 3]],
    [[3, 4], [3, 1]], [[3, 1], [3, 4]], [[3, 2], [1]], [[1], [3, 2]], [[], [3, 2]], [[3, 3], [3, 1]], [[3, 3], [1, 3]],
  ].map((shapes) => {
    const out = page.sizeOf(shapes[0]) >= page.sizeOf(shapes[1]) ? shapes[0] : shapes[1];
    return [op, shapes, out, {}, several(op === "div" ? positive : any)];
  })),
  ["matmul", [[1, 1], [1, 1]], [1, 1]], ["matmul", [[4, 3], [3, 5]], [4, 5]], ["matmul", [[1, 5], [5, 3]], [1, 3]],
  ["linear", [[4, 3], [3, 2], [2]], [4, 2]], ["linear", [[1, 1], [1, 1], [1]], [1, 1]],
  ["sum", [[3, 4]], []], ["sum", [[3, 4]], [], { scale: 1 / 12 }], ["mean", [[3, 4]], []],
  ["sum_rows", [[3, 4]], [3, 1]], ["sum_columns", [[3, 4]], [1, 4]],
  ["reshape", [[2, 6]], [3, 4]], ["transpose", [[2, 5]], [5, 2]],
  ["conv2d", [[1, 1, 1, 1], [1, 1, 1, 1], [1]], [1, 1, 1, 1], { stride: 1, padding: 0 }],
  ["conv2d", [[2, 2, 4, 5], [3, 2, 3, 3], [3]], [2, 3, 2, 3], {}],
  ["conv2d", [[1, 2, 4, 5], [3, 2, 3, 3]], [1, 3, 4, 5], { stride: 1, padding: 1 }],
  ["conv2d", [[1, 4, 5, 4], [6, 2, 3, 3], [6]], [1, 6, 3, 2], { stride: 2, padding: 1, groups: 2 }],
  ["conv2d", [[2, 1, 4, 4], [1, 1, 2, 2], [1]], [2, 1, 3, 3], { stride: [1, 2], padding: [0, 1] }],
  ...["max_pool2d", "relu_max_pool2d", "avg_pool2d"].flatMap((op) => [
    [op, [[2, 1, 4, 4]], [2, 1, 2, 2], { size: 2, stride: 2 }, away],
    [op, [[1, 2, 5, 6]], [1, 2, 3, 4], { size: 3, stride: 1 }, away],
    [op, [[1, 1, 4, 4]], [1, 1, 3, 3], { size: 2, stride: 2, padding: 1 }, away],
    [op, [[1, 2, 3, 5]], [1, 2, 2, 5], { size: [1, 3], stride: [2, 1], padding: [0, 1] }, away],
  ]),
  ["avg_pool2d", [[1, 1, 4, 4]], [1, 1, 3, 3], { size: 2, stride: 2, padding: 1, count_padding: false }],
  ["global_avg_pool", [[2, 3, 2, 2]], [2, 3]],
  ["fused_loss", [[2, 3]], [], { loss: "hill", lambda: 1.5, gamma: 2, margin: 1, labels: [1, 0, null, 0, 1, 1] }],
  ["fused_loss", [[2, 3]], [], { loss: "hill", lambda: 1.2, gamma: 0.3, margin: 0.5, labels: [1, 0, null, 0, 1, 1], reduction: "mean" }],
  ["fused_loss", [[2, 3]], [], { loss: "hill", labels: [1, 0, 0, 0, 1, 1], gamma: 0 }],
  ["fused_loss", [[2, 3]], [], { loss: "bce", labels: [1, 0, null, 0, 1, null] }],
  ["fused_loss", [[2, 3]], [], { loss: "bce", labels: [1, 0, null, 0, 1, null], reduction: "mean_known" }],
];

for (const [op, shapes, out, constants = {}, numbers = several(any)] of CASES) {
  const what = `${op} ${shapes.map((s) => `[${s}]`).join(" ")} ${JSON.stringify(constants)}`;
  test(`the tape, duals and differences agree: ${what}`, () => {
    for (const [before, after] of [[false, false], [true, false], [false, true], [true, true]]) {
      agree(weighted(op, shapes, out, constants, numbers, 7 + shapes.length, before, after), what);
    }
  });
}

test("every operation of the table is checked", () => {
  const checked = new Set(CASES.map(([op]) => op));
  assert.deepEqual([...page.OPS.keys()].filter((op) => !checked.has(op)), ["detach"]);
});

test("a value that is used several times gets the sum of its parts, the first set and the others added", () => {
  const made = graph([
    ["variable", [], [0.7]], ["exp", [0], []], ["ln", [0], []], ["mul", [0, 0], []], ["add", [0, 0], []],
    ["add", [1, 2], []], ["add", [3, 4], []], ["add", [5, 6], []], ["mul", [7, 0], []],
  ]);
  agree(made, "fan-out");
  const swept = page.sweep(made.graph, made.values, null);
  const writes = page.writesTo(swept, 0);
  assert.deepEqual(writes.map((w) => [w.node, w.k, w.how]),
    [[8, 1, "set"], [4, 0, "add"], [4, 1, "add"], [3, 0, "add"], [3, 1, "add"], [2, 0, "add"], [1, 0, "add"]]);
  const w = 0.7, f = Math.exp(w) + Math.log(w) + w * w + 2 * w;
  assert.ok(Math.abs(swept.grads[0][0] - (f + (Math.exp(w) + 1 / w + 2 * w + 2) * w)) < 1e-12);
});

test("a matrix that is multiplied by itself", () => {
  agree(graph([["variable", [2, 2], [0.5, -1, 2, 0.3]], ["matmul", [0, 0], [2, 2]], ["mul", [1, 1], [2, 2]], ["sum", [1], []], ["sum", [2], []], ["add", [3, 4], []]]), "x x");
});

test("no gradient flows through detach, and a difference does not see the constant move", () => {
  const made = graph([["variable", [2], [0.5, -1]], ["detach", [0], [2]], ["mul", [0, 1], [2]], ["sum", [2], []]]);
  agree(made, "detach");
  assert.deepEqual(page.sweep(made.graph, made.values, null).grads[0], [0.5, -1]);
});

test("formulas are stable in the tails", () => {
  const made = graph([["variable", [4], [-1e4, -745, 745, 1e4]], ["softplus", [0], [4]], ["sigmoid", [0], [4]], ["log_sigmoid", [0], [4]], ["sum", [1], []]]);
  for (const id of [1, 2, 3]) assert.ok(made.values[id].every(Number.isFinite));
  assert.equal(made.values[1][3], 1e4);
  assert.equal(made.values[3][0], -1e4);
});

test("what is written out is what was computed", () => {
  // Text of a formula, computed again with the numbers as they are shown.
  const shown = (text) => Function("return " + text.replace(/−/g, "-").replace(/×/g, "*").replace(/max\(/g, "Math.max(").replace(/√/g, "Math.sqrt"))();
  const next = random(3);
  for (const [op, shapes, out, constants] of [
    ["add", [[2, 3], [3]], [2, 3]], ["sub", [[2, 3], [2, 1]], [2, 3]], ["mul", [[2, 3], [2, 3]], [2, 3]], ["div", [[2, 3], [1]], [2, 3]],
    ["max", [[2, 3], [3]], [2, 3]], ["matmul", [[2, 3], [3, 2]], [2, 2]], ["linear", [[2, 3], [3, 2], [2]], [2, 2]],
    ["conv2d", [[1, 1, 3, 3], [1, 1, 2, 2], [1]], [1, 1, 2, 2]], ["relu_max_pool2d", [[1, 1, 2, 2]], [1, 1, 1, 1], { size: 2 }],
    ["avg_pool2d", [[1, 1, 2, 2]], [1, 1, 1, 1], { size: 2 }], ["sum", [[2, 3]], [], { scale: 0.5 }], ["sum_rows", [[2, 3]], [2, 1]],
    ["scale", [[3]], [3], { factor: -0.5 }], ["shift", [[3]], [3], { by: -0.5 }], ["relu", [[3]], [3]],
    ["fused_loss", [[2, 2]], [], { loss: "hill", labels: [1, 0, null, 1], reduction: "mean" }],
  ]) {
    const list = shapes.map((shape) => ["variable", shape, Array.from({ length: page.sizeOf(shape) }, () => Math.round(any(next) * 100) / 100)]);
    list.push([op, shapes.map((_, i) => i), out, constants ?? {}], ["sum", [shapes.length], []]);
    const { graph: made, values } = graph(list);
    const node = made.nodes[shapes.length];
    const x = page.inputsOf(made, node, values), y = { shape: node.shape, value: values[node.id] };
    y.value.forEach((v, o) => {
      const text = page.piecesText(page.OPS.get(op).write(x, y, node, o));
      assert.ok(Math.abs(shown(text) - v) < 5e-4 * Math.max(1, Math.abs(v)), `${op}: ${text} is not ${v}`);
    });
  }
});

/// The value of an operation on leaves.
function valueOf(op, leaves, out, constants = {}) {
  const list = [...leaves.map(([shape, value]) => ["variable", shape, value]), [op, leaves.map((_, i) => i), out, constants], ["sum", [leaves.length], []]];
  return graph(list).values[leaves.length];
}

const close = (values, expected) => {
  assert.equal(values.length, expected.length);
  values.forEach((v, e) => assert.ok(Math.abs(v - expected[e]) < 1e-12, `cell ${e}: ${v} is not ${expected[e]}`));
};

test("a convolution is the padded picture under the kernel, image by image, as loops over a picture with its border have it", () => {
  const next = random(11);
  for (const [[n, c, h, w], [o, kh, kw], [sv, sh], [pv, ph]] of [
    [[2, 2, 4, 5], [3, 3, 2], [1, 1], [0, 0]], [[1, 1, 4, 4], [2, 2, 2], [1, 2], [0, 1]], [[2, 3, 5, 3], [1, 3, 3], [2, 1], [1, 2]],
  ]) {
    const x = several(any)(n * c * h * w, next), kernels = several(any)(o * c * kh * kw, next), bias = several(any)(o, next);
    const oh = Math.floor((h + 2 * pv - kh) / sv) + 1, ow = Math.floor((w + 2 * ph - kw) / sh) + 1;
    const padded = (image, channel, i, j) => (i < pv || j < ph || i >= h + pv || j >= w + ph ? 0 : x[image * c * h * w + channel * h * w + (i - pv) * w + (j - ph)]);
    const expected = [];
    for (let image = 0; image < n; image++) for (let k = 0; k < o; k++) for (let i = 0; i < oh; i++) for (let j = 0; j < ow; j++) {
      let sum = bias[k];
      for (let channel = 0; channel < c; channel++) for (let u = 0; u < kh; u++) for (let v = 0; v < kw; v++) {
        sum += kernels[k * c * kh * kw + channel * kh * kw + u * kw + v] * padded(image, channel, sv * i + u, sh * j + v);
      }
      expected.push(sum);
    }
    close(valueOf("conv2d", [[[n, c, h, w], x], [[o, c, kh, kw], kernels], [[o], bias]], [n, o, oh, ow], { stride: [sv, sh], padding: [pv, ph] }), expected);
  }
  // Each channel with its own kernel.
  close(valueOf("conv2d", [[[1, 2, 1, 2], [1, 2, 3, 4]], [[2, 1, 1, 1], [10, 100]]], [1, 2, 1, 2], { groups: 2 }), [10, 20, 300, 400]);
});

test("pools, broadcasting, sums and transposes have the values that are counted by hand", () => {
  const picture = [[1, 1, 3, 4], [1, -2, 3, 0, 5, 4, -1, 2, -3, -4, -5, -6]];
  close(valueOf("max_pool2d", [picture], [1, 1, 2, 3], { size: 2, stride: 1 }), [5, 4, 3, 5, 4, 2]);
  close(valueOf("max_pool2d", [picture], [1, 1, 1, 4], { size: [1, 1], stride: [3, 1] }), [1, -2, 3, 0]);
  close(valueOf("max_pool2d", [picture], [1, 1, 3, 2], { size: [1, 3], stride: [1, 2], padding: [0, 1] }), [1, 3, 5, 4, -3, -4]);
  close(valueOf("relu_max_pool2d", [[[1, 1, 2, 4], [1, -2, -3, -4, 8, 7, -6, -5]]], [1, 1, 1, 2], { size: 2, stride: 2 }), [8, 0]);
  close(valueOf("avg_pool2d", [[[1, 1, 2, 2], [1, 2, 3, 4]]], [1, 1, 2, 2], { size: 2, stride: 2, padding: 1 }), [0.25, 0.5, 0.75, 1]);
  close(valueOf("avg_pool2d", [[[1, 1, 2, 2], [1, 2, 3, 4]]], [1, 1, 2, 2], { size: 2, stride: 2, padding: 1, count_padding: false }), [1, 2, 3, 4]);
  close(valueOf("global_avg_pool", [[[1, 2, 1, 2], [1, 3, 5, 9]]], [1, 2]), [2, 7]);
  const matrix = [[2, 3], [1, 2, 3, 4, 5, 6]];
  close(valueOf("add", [matrix, [[3], [10, 20, 30]]], [2, 3]), [11, 22, 33, 14, 25, 36]);
  close(valueOf("sub", [[[1, 3], [10, 20, 30]], matrix], [2, 3]), [9, 18, 27, 6, 15, 24]);
  close(valueOf("mul", [matrix, [[2, 1], [10, 100]]], [2, 3]), [10, 20, 30, 400, 500, 600]);
  close(valueOf("div", [matrix, [[], [2]]], [2, 3]), [0.5, 1, 1.5, 2, 2.5, 3]);
  close(valueOf("matmul", [matrix, [[3, 1], [1, 10, 100]]], [2, 1]), [321, 654]);
  close(valueOf("linear", [matrix, [[3, 2], [1, 0, 10, 0, 100, 1]], [[2], [1000, 0.5]]], [2, 2]), [1321, 3.5, 1654, 6.5]);
  close(valueOf("sum_rows", [matrix], [2, 1]), [6, 15]);
  close(valueOf("sum_columns", [matrix], [1, 3]), [5, 7, 9]);
  close(valueOf("mean", [matrix], []), [3.5]);
  close(valueOf("transpose", [matrix], [3, 2]), [1, 4, 2, 5, 3, 6]);
});

test("losses have the values of their formulas", () => {
  const z = [0.3, -1.2, 2], p = z.map((v) => 1 / (1 + Math.exp(-v)));
  const s = 1 / (1 + Math.exp(-(z[0] - 1)));
  close(valueOf("fused_loss", [[[1, 3], z]], [], { loss: "hill", labels: [1, 0, null] }),
    [(1 - s) ** 2 * -Math.log(s) + (1.5 - p[1]) * p[1] ** 2 + (1.5 - p[2]) * p[2] ** 2]);
  close(valueOf("fused_loss", [[[1, 3], z]], [], { loss: "bce", labels: [1, 0, null], reduction: "mean_known" }), [(-Math.log(p[0]) - Math.log(1 - p[1])) / 2]);
});
