"use strict";
// Shapes, indices and numbers as text. Values are row-major lists of f64 beside a shape.

function sizeOf(shape) {
  return shape.reduce((n, d) => n * d, 1);
}

/// The indices of element `e`: [i, j, ...].
function indicesOf(shape, e) {
  const at = new Array(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    at[axis] = e % shape[axis];
    e = Math.floor(e / shape[axis]);
  }
  return at;
}

/// "[1, 2]", or nothing for a single number.
function cellText(shape, e) {
  return sizeOf(shape) === 1 ? "" : "[" + indicesOf(shape, e).join(", ") + "]";
}

function shapeText(shape) {
  return "[" + shape.join(" × ") + "]";
}

/// Rows and columns of a matrix.
function matrixOf(shape) {
  if (shape.length !== 2) throw new Error("a matrix is needed, not [" + shape.join(", ") + "]");
  return shape;
}

/// How a tensor lies on paper: planes of rows x columns, `across` planes side by side: channels, or pictures of one channel.
function planesOf(shape) {
  const rank = shape.length;
  const columns = rank > 0 ? shape[rank - 1] : 1;
  const rows = rank > 1 ? shape[rank - 2] : 1;
  const planes = sizeOf(shape.slice(0, Math.max(0, rank - 2)));
  return { planes, rows, columns, across: rank > 3 && shape[rank - 3] > 1 ? shape[rank - 3] : planes };
}

/// Up to five digits, without zeros at the end.
function fmt(x) {
  return numberText(x, 4);
}

/// The same with fewer digits, for cells of grids.
function brief(x) {
  return numberText(x, 2);
}

function numberText(x, decimals) {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  let text;
  if (size >= 1e5 || size < 10 ** -decimals / 2) {
    text = x.toExponential(decimals > 2 ? 2 : 0);
  } else {
    const digits = Math.max(0, decimals - Math.max(0, Math.floor(Math.log10(size))));
    text = x.toFixed(digits);
    if (text.includes(".")) text = text.replace(/\.?0+$/, "");
  }
  return text.replace(/-/g, "−").replace("e+", "e");
}

/// Many digits, for numbers that stand beside each other to be compared.
function exact(x, decimals = 7) {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  if (size !== 0 && size < 1e-13) return (0).toFixed(decimals); // what rounding leaves of 0
  const text = size >= 1e5 || (size !== 0 && size < 1e-4) ? x.toExponential(decimals - 3) : x.toFixed(size >= 100 ? decimals - 2 : decimals);
  return text.replace(/-/g, "−").replace("e+", "e");
}

/// A difference: of a small one how large it is says more than its digits.
function tiny(x) {
  if (!Number.isFinite(x) || x === 0 || Math.abs(x) >= 1e-3) return numberText(x, 3);
  return x.toExponential(0).replace(/-/g, "−");
}

/// What was typed as a number, or NaN. A decimal comma and a typographic minus are read too.
function parseNumber(text) {
  const plain = text.trim().replace("−", "-").replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

/// Lines of a file.
function visibleLines(text) {
  return String(text).split("\n").map(visible).join("\n");
}

/// Text of files, with what would act on the direction or the lines of the text as an escape.
function visible(text) {
  return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (c) => "\\u{" + c.codePointAt(0).toString(16) + "}");
}
