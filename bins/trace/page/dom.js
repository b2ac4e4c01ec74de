// Elements. Text from data goes through `textContent` alone.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}

function el(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

function svg(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function byId(id) {
  return document.getElementById(id);
}

/// A formula: numbers in the colour of where they stand.
function formula(pieces) {
  return pieces.map((p) => (typeof p === "string" ? p : p.where === undefined ? p.text : el("span", { class: "n n-" + p.where, text: p.text })));
}

/// Replaces what is in a box and keeps the focus on the element with the same data-focus.
function replaceKeepingFocus(box, ...children) {
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  box.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  if (focused !== undefined) box.querySelector("[data-focus=" + JSON.stringify(focused) + "]")?.focus({ preventScroll: true });
}

/// A part that folds. What the reader folded or opened stays so when it is drawn again: `folds` remembers it by name.
function foldable(folds, name, open, props, summary, ...children) {
  const details = el("details", { ...props, open: folds[name] ?? open },
    el("summary", { onclick: () => { folds[name] = !details.open; } }, summary), children);
  return details;
}

function shortened(text, most) {
  const letters = [...text];
  return letters.length <= most ? text : letters.slice(0, Math.max(1, most - 1)).join("") + "…";
}

/// What a node is called: its name, or its operation.
function titleOf(node, most = 32) {
  return shortened(visible(node.name ? node.name : node.op), most);
}
