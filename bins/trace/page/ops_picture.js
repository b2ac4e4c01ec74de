// Convolution and pooling of pictures [N, C, H, W].

/// The places that meet at each output of a convolution: visit(o, cell of x, cell of w, output channel).
function convolve(node, x, w, visit) {
  const [images, channels, height, width] = x.shape, [outputs, perGroup, kh, kw] = w.shape;
  const [, , oh, ow] = node.shape;
  const [sv, sh] = pair(node.constants.stride, 1), [pv, ph] = pair(node.constants.padding, 0);
  const groupOutputs = outputs / (node.constants.groups ?? 1);
  for (let o = 0; o < images * outputs * oh * ow; o++) {
    const n = Math.floor(o / (outputs * oh * ow)), channel = Math.floor(o / (oh * ow)) % outputs;
    const i = Math.floor(o / ow) % oh, j = o % ow;
    for (let c = 0; c < perGroup; c++) {
      const source = Math.floor(channel / groupOutputs) * perGroup + c;
      for (let u = 0; u < kh; u++) {
        for (let v = 0; v < kw; v++) {
          const row = i * sv + u - pv, column = j * sh + v - ph;
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          visit(o, ((n * channels + source) * height + row) * width + column, ((channel * perGroup + c) * kh + u) * kw + v, channel);
        }
      }
    }
  }
}

/// Output channel of cell o.
function channelOf(node, o) {
  const [, outputs, oh, ow] = node.shape;
  return Math.floor(o / (oh * ow)) % outputs;
}

OPS.set("conv2d", {
  names: ["x", "w", "b"],
  rule: "dx = wᵀ ∗ g, dw = the sum of g x over images and pixels, db = the sum of g",
  forward(R, [x, w, b], node) {
    const out = Array.from({ length: sizeOf(node.shape) }, (_, o) => (b ? b.value[channelOf(node, o)] : R.of(0)));
    convolve(node, x, w, (o, e, at) => {
      out[o] = R.add(out[o], R.mul(w.value[at], x.value[e]));
    });
    return out;
  },
  slopes(k, [x, w], y, node) {
    if (k === 2) return y.value.map((_, o) => ({ o, e: channelOf(node, o), slope: 1 }));
    const entries = [];
    convolve(node, x, w, (o, e, at) => {
      entries.push(k === 0 ? { o, e, slope: w.value[at], at: [1, at] } : { o, e: at, slope: x.value[e], at: [0, e] });
    });
    return entries;
  },
  write([x, w, b], y, node, o) {
    const terms = [];
    convolve(node, x, w, (at, e, kernel) => {
      if (at === o) terms.push([factor(1, w.value[kernel]), " × ", factor(0, x.value[e])]);
    });
    if (b) terms.push([factor(2, b.value[channelOf(node, o)])]);
    return joined(terms);
  },
});

/// For each output of a pool the cells of x under its window, in reading order.
function windowsOf(node, x) {
  const [, , height, width] = x.shape, [images, channels, oh, ow] = node.shape;
  const size = pair(node.constants.size ?? node.constants.kernel, 2);
  const stride = node.constants.stride === undefined ? size : pair(node.constants.stride, 1);
  const padding = pair(node.constants.padding, 0);
  const out = [];
  for (let plane = 0; plane < images * channels; plane++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        const cells = [];
        for (let u = 0; u < size[0]; u++) {
          for (let v = 0; v < size[1]; v++) {
            const row = i * stride[0] + u - padding[0], column = j * stride[1] + v - padding[1];
            if (row >= 0 && row < height && column >= 0 && column < width) cells.push((plane * height + row) * width + column);
          }
        }
        out.push(cells);
      }
    }
  }
  return { windows: out, all: size[0] * size[1] };
}

/// Where the largest element is: the first of equals in reading order; NaN always wins.
function largest(cells, value) {
  return cells.reduce((best, e) => (value[e] > value[best] || (Number.isNaN(value[e]) && !Number.isNaN(value[best])) ? e : best));
}

function maxPool(rectified) {
  return {
    names: ["x"],
    rule: rectified ? "g goes to the largest element, if it is above 0; the others get 0" : "g goes to the largest element; the others get 0",
    forward(R, [x], node) {
      return windowsOf(node, x).windows.map((cells) => {
        const start = rectified ? R.of(0) : x.value[cells[0]];
        return cells.reduce((best, e) => R.max(best, x.value[e]), start);
      });
    },
    slopes(k, [x], y, node) {
      return windowsOf(node, x).windows.flatMap((cells, o) => {
        const winner = largest(cells, x.value), v = y.value[o];
        const won = rectified ? (v > 0 ? 1 : v) : 1;
        return cells.map((e) => ({ o, e, slope: e === winner ? won : 0 }));
      });
    },
    write([x], y, node, o) {
      const cells = windowsOf(node, x).windows[o];
      const numbers = cells.flatMap((e, i) => (i === 0 ? [piece(0, x.value[e])] : [", ", piece(0, x.value[e])]));
      return ["max(", ...numbers, rectified ? ", 0)" : ")"];
    },
    say(x, y, node, k, entry) {
      return entry.slope === 1 ? "the largest under its window" : entry.slope === 0 ? "0: " + (rectified ? "not the largest, or not above 0" : "not the largest under its window") : "";
    },
  };
}

OPS.set("max_pool2d", maxPool(false));
OPS.set("relu_max_pool2d", maxPool(true));

/// Means of sets of cells: `sets(node, x)` lists [cells, how many to divide by].
function means(rule, sets) {
  return {
    names: ["x"],
    rule,
    forward: (R, [x], node) => sets(node, x).map(([cells, n]) => R.div(sumOf(R, cells.map((e) => x.value[e])), R.of(n))),
    slopes: (k, [x], y, node) => sets(node, x).flatMap(([cells, n], o) => cells.map((e) => ({ o, e, slope: 1 / n }))),
    write([x], y, node, o) {
      const [cells, n] = sets(node, x)[o];
      return ["(", ...joined(cells.map((e, i) => [i === 0 ? piece(0, x.value[e]) : factor(0, x.value[e])])), ") / " + n];
    },
    say: (x, y, node, k, { o }) => "1 / " + sets(node, x[0])[o][1],
  };
}

OPS.set("avg_pool2d", means("every element under a window gets g / n", (node, x) => {
  const { windows, all } = windowsOf(node, x);
  return windows.map((cells) => [cells, node.constants.count_padding ?? true ? all : cells.length]);
}));

OPS.set("global_avg_pool", means("every pixel gets g / pixels", (node, x) => {
  const [n, c, h, w] = x.shape;
  return Array.from({ length: n * c }, (_, plane) => [Array.from({ length: h * w }, (_, i) => plane * h * w + i), h * w]);
}));
