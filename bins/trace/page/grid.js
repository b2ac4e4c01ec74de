// A tensor as a grid of numbers, plane by plane.

/// { root, mark(cells, name), clear() }. With `pick` the cells are buttons: hovering, focus and taps call it with the cell.
/// Arrow keys move between the cells of a grid.
function grid({ label, where, shape, values, pick, text = brief, hidden = false }) {
  const { planes, rows, columns, across } = planesOf(shape);
  const cells = [];
  const cell = (e) => {
    const v = values[e];
    const shown = hidden ? "?" : text(v);
    const name = label + cellText(shape, e) + " = " + (hidden ? "hidden" : fmt(v));
    const common = { class: "cell" + (Number.isNaN(v) && !hidden ? " nan" : ""), "data-cell": e, title: name };
    const made = pick && !hidden
      ? el("button", {
        ...common, type: "button", text: shown, "aria-label": name, tabindex: e === 0 ? 0 : -1,
        onpointerenter: (event) => event.pointerType === "mouse" && pick(e), onfocus: () => pick(e), onclick: () => pick(e), onkeydown: (event) => move(event, e),
      })
      : el("span", { ...common, text: shown });
    cells.push(made);
    return made;
  };
  const move = (event, e) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = cells[e + step];
    if (!next) return;
    cells.forEach((c) => c.setAttribute("tabindex", -1));
    next.setAttribute("tabindex", 0);
    next.focus({ preventScroll: true });
  };
  const plane = (p) => el("div", { class: "plane", style: "grid-template-columns: repeat(" + columns + ", minmax(2.9rem, auto))" },
    Array.from({ length: rows * columns }, (_, i) => cell(p * rows * columns + i)));
  const root = el("figure", { class: "grid g-" + where },
    el("figcaption", {}, label, " ", el("small", { text: shapeText(shape) })),
    el("div", { class: "planes", style: "grid-template-columns: repeat(" + across + ", auto)" }, Array.from({ length: planes }, (_, p) => plane(p))));
  return {
    root,
    mark: (list, name) => list.forEach((e) => cells[e] && cells[e].classList.add(name)),
    clear: () => cells.forEach((c) => c.classList.remove("picked", "marked")),
  };
}
