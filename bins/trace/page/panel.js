// The panel of one node: what it is, its source, its value written out, what it hands on, and what its gradient is made of.

function panelHead(model, node) {
  const { graph } = model;
  const { phase, node: current } = model.positions[model.at];
  const now = current === node.id ? phase : null;
  const facts = [visible(node.op), shapeText(node.shape), node.scope ? "in " + visible(node.scope) : null].filter(Boolean).join(", ");
  const op = OPS.get(node.op);
  const source = node.source;
  const constants = Object.entries(node.constants).filter(([name]) => name !== "labels");
  const line = (what, at) => at && el("li", { class: now === what ? "now" : "" },
    el("b", { text: what }), " ", el("span", { class: "place", text: visible(source.file) + ":" + visible(at.line) }), el("code", { text: visibleLines(at.text) }));
  return [
    el("h2", {}, el("span", { class: "id", text: "#" + node.id }), " " + titleOf(node, Infinity), " ", el("small", { text: facts })),
    el("p", { class: "doc" }, node.doc ? [el("span", { text: visible(node.doc) }), node.derivative ? "; " : ""] : null,
      node.derivative ? el("span", { class: "grad", text: visible(node.derivative) }) : op ? el("span", { class: "grad", text: op.rule }) : null),
    LOSSES.has(node.constants.loss) ? el("p", { class: "doc" }, LOSSES.get(node.constants.loss).formula + "; ",
      el("span", { class: "grad", text: "slope: " + LOSSES.get(node.constants.loss).rule })) : null,
    constants.length > 0 ? el("p", { class: "small", text: "constants: " + constants.map(([name, value]) => visible(name) + " = " + visible(Array.isArray(value) ? value.join(" × ") : value)).join(", ") }) : null,
    source ? el("ul", { class: "source" }, line("forward", source.forward), line("backward", source.backward)) : null,
    graph.refusals[node.id] ? el("p", { class: "refusal", text: graph.refusals[node.id] + " Its recorded value is shown, and nothing of this example can be changed." }) : null,
  ];
}

/// Fields for the cells of a leaf.
function panelFields(model, node) {
  const { planes, rows, columns, across } = planesOf(node.shape);
  const field = (e) => {
    const name = titleOf(node) + cellText(node.shape, e);
    const input = el("input", {
      type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", class: "field", "data-cell": e, "aria-label": name, title: name,
      onfocus: () => { model.picks.gradient = e; model.pickGradient?.(e); },
      oninput: () => {
        const v = parseNumber(input.value);
        input.setAttribute("aria-invalid", Number.isFinite(v) ? "false" : "true");
        if (Number.isFinite(v)) model.set(node.id, e, v);
      },
      onblur: () => {
        input.value = plain(model.values[node.id][e]);
        input.setAttribute("aria-invalid", "false");
      },
      onkeydown: (event) => {
        if (event.key === "ArrowUp" || event.key === "ArrowDown") {
          event.preventDefault();
          model.set(node.id, e, nudged(model.values[node.id][e], event.key === "ArrowUp" ? 0.1 : -0.1));
          input.value = plain(model.values[node.id][e]);
          input.setAttribute("aria-invalid", "false");
        } else if (event.key === "Enter") {
          input.select();
        }
        event.stopPropagation();
      },
    });
    input.value = plain(model.values[node.id][e]);
    return input;
  };
  const plane = (p) => el("div", { class: "plane", style: "grid-template-columns: repeat(" + columns + ", 3.6rem)" },
    Array.from({ length: rows * columns }, (_, i) => field(p * rows * columns + i)));
  return el("section", { class: "fields" },
    el("h3", {}, "Change it ", el("small", { text: "type a number, or ↑ ↓ for 0.1" })),
    el("div", { class: "scroll" }, el("div", { class: "planes", style: "grid-template-columns: repeat(" + across + ", max-content)" },
      Array.from({ length: planes }, (_, p) => plane(p)))),
    el("button", { type: "button", class: "plain", "data-focus": "recorded", onclick: () => model.restore(node.id), text: "As recorded" }));
}

/// A number as it is typed.
function plain(v) {
  return String(Math.abs(v) >= 1e-6 || v === 0 ? Number(v.toPrecision(9)) : v).replace("-", "−");
}

/// A number and a step, without what binary fractions leave behind.
function nudged(v, step) {
  return Number((v + step).toFixed(10));
}

/// Lines for all cells; hovering a line picks its cell.
function allCells(model, name, lines, pick) {
  if (lines.length < 2) return null;
  const list = el("ol", { class: "lines scroll" }, lines.map(([key, pieces]) =>
    el("li", { "data-key": key, onpointerenter: (event) => event.pointerType === "mouse" && pick(key), onclick: () => pick(key) }, formula(pieces))));
  return foldable(model.folds, name, lines.length <= 6, {}, "all " + lines.length + " cells", list);
}

function markLine(box, key) {
  box.querySelectorAll("[data-key]").forEach((li) => li.classList.toggle("picked", li.dataset.key === String(key)));
}

function panelForward(model, node, open) {
  const { graph, values } = model;
  const op = OPS.get(node.op);
  const x = inputsOf(graph, node, values), y = { shape: node.shape, value: values[node.id] };
  const entries = node.inputs.map((_, k) => op.slopes(k, x, y, node));
  const written = el("p", { class: "written" });
  const inputs = node.inputs.map((id, k) => grid({ label: called(model, node, k), where: k, shape: x[k].shape, values: x[k].value }));
  const pick = (o) => {
    model.picks.forward = o;
    [...inputs, out].forEach((g) => g.clear());
    out.mark([o], "picked");
    inputs.forEach((g, k) => g.mark(entries[k].filter((entry) => entry.o === o).map((entry) => entry.e), "marked"));
    // A bias and the like are read with a slope of 1 or more, never with none, so entries are what is read.
    written.replaceChildren(...formula(valueWritten(model, node, o)));
    markLine(section, o);
  };
  const out = grid({ label: "y = " + titleOf(node), where: "y", shape: node.shape, values: y.value, pick });
  const labels = node.constants.labels
    ? grid({ label: "labels", where: "labels", shape: x[0].shape, values: node.constants.labels, text: (v) => (v === null ? "?" : String(v)) }) : null;
  const grids = op.product
    ? el("div", { class: "corner" }, el("div", { class: "above" }, inputs.slice(1).map((g) => g.root)), inputs[0].root, out.root)
    : el("div", { class: "grids" }, inputs.map((g) => g.root), labels && labels.root, out.root);
  const section = foldable(model.folds, "forward " + node.id + " at " + model.at, open, { class: "part forward" },
    el("h3", {}, "Forward ", el("small", { text: "how y was computed" })),
    el("div", { class: "scroll" }, grids), written,
    allCells(model, "forward cells", y.value.length === 1 ? [] : y.value.map((_, o) => [o, valueWritten(model, node, o)]), (o) => pick(Number(o))));
  pick(Math.min(model.picks.forward ?? 0, y.value.length - 1));
  return section;
}

function panelBackward(model, node, step) {
  const { graph, values, swept } = model;
  const op = OPS.get(node.op);
  const x = inputsOf(graph, node, values);
  const written = el("p", { class: "written" });
  const slope = el("p", { class: "small" }), kept = el("p", { class: "written kept" });
  const hides = (write) => model.hides(write.input);
  const g = grid({ label: "g of " + titleOf(node), where: "g", shape: node.shape, values: step.g });
  // Operands are shown where a slope is one of their numbers.
  const used = new Set(step.writes.flatMap((write) => write.entries.filter((entry) => entry.at).map((entry) => entry.at[0])));
  const operands = x.map((input, k) => (used.has(k) ? grid({ label: called(model, node, k), where: k, shape: input.shape, values: input.value }) : null));
  const pick = (key) => {
    const [w, e] = key.split(":").map(Number);
    const write = step.writes[w];
    model.picks.backward = key;
    [g, ...operands, ...parts].forEach((one) => one && one.clear());
    const entries = write.entries.filter((entry) => entry.e === e);
    parts[w].mark([e], "picked");
    g.mark(entries.map((entry) => entry.o), "marked");
    for (const { at } of entries) if (at) operands[at[0]].mark([at[1]], "marked");
    written.replaceChildren(...formula(partWritten(model, write, e)));
    const why = slopeWritten(model, write, e);
    slope.replaceChildren(...(why ? formula(why) : []));
    slope.hidden = !why;
    kept.replaceChildren(...formula(keptWritten(model, write, e)));
    kept.className = "written kept " + (overwrites(write) ? "bad" : write.how);
    markLine(section, key);
  };
  const parts = step.writes.map((write, w) => grid({
    label: "d" + inputName(node, write.k) + " for " + titleOf(graph.nodes[write.input]), where: "part", shape: graph.nodes[write.input].shape,
    values: write.part, pick: (e) => pick(w + ":" + e), hidden: hides(write),
  }));
  const lines = step.writes.flatMap((write, w) => (hides(write) ? [] : write.part.map((_, e) => [w + ":" + e, partWritten(model, write, e)])));
  const writesText = el("ul", { class: "writes" }, step.writes.map((write) => {
    const all = writesTo(swept, write.input);
    const turn = all.indexOf(write);
    return el("li", {}, el("span", { class: "chip " + (overwrites(write) ? "bad" : write.how), text: write.how }), " ",
      inputName(node, write.k) + " = #" + write.input + " " + titleOf(graph.nodes[write.input]) + ": ",
      all.length === 1 ? "its only use" : ordinal(turn) + " of " + all.length + " uses to write, so it " + (overwrites(write) ? "should add, but sets" : write.how === "set" ? "sets" : "adds"));
  }));
  const section = el("section", { class: "part backward" },
    el("h3", {}, "Backward ", el("small", { text: "what it hands on: g × slope" + (node.derivative ? "" : " (" + op.rule + ")") })),
    writesText,
    el("div", { class: "scroll" }, el("div", { class: "grids" }, el("div", { class: "grids" }, g.root, operands.map((one) => one && one.root)),
      el("div", { class: "grids" }, el("span", { class: "becomes", "aria-hidden": "true", text: "→" }), parts.map((one) => one.root)))),
    written, slope, kept, allCells(model, "backward cells", lines, pick));
  // What is wrong first.
  const wrong = model.wrong ? step.writes.indexOf(model.wrong.write) : -1;
  const visibleKey = [model.picks.backward, wrong + ":0", ...lines.map(([key]) => key)].find((key) => lines.some(([other]) => other === key));
  slope.hidden = kept.hidden = visibleKey === undefined;
  if (visibleKey !== undefined) pick(visibleKey);
  else written.textContent = "Hidden while the question is open.";
  return section;
}

/// Where a gradient comes from: its uses in the order of writing.
function panelGradient(model, node) {
  const { graph, known, swept } = model;
  const all = writesTo(swept, node.id);
  const grad = known.grads[node.id];
  if (grad === null) return null;
  const written = el("p", { class: "written" });
  const list = el("ol", { class: "uses" });
  const pick = (e) => {
    model.picks.gradient = e;
    numbers.clear();
    numbers.mark([e], "picked");
    list.replaceChildren(...all.map((write, i) => {
      const done = known.written.includes(write);
      const user = graph.nodes[write.node];
      return el("li", { class: done ? "done" : "waits" }, el("span", { class: "chip " + (!done ? "later" : overwrites(write) ? "bad" : write.how), text: done ? write.how : "later" }), " ",
        ordinal(i) + ": #" + write.node + " " + titleOf(user) + ", whose input " + inputName(user, write.k) + " it is, ",
        done ? formula(["hands on ", { where: "part", text: fmt(write.part[e]) }]) : "has not been reached");
    }));
    const done = all.filter((write) => known.written.includes(write));
    const lastSet = done.map((write) => write.how).lastIndexOf("set");
    const kept = done.slice(Math.max(0, lastSet));
    const terms = kept.map((write, i) => (i === 0 ? [piece("part", write.part[e])] : [factor("part", write.part[e])]));
    const lost = done.length - kept.length;
    written.replaceChildren(...formula(terms.length === 0 ? ["g = 1: this is the loss"] : [
      "g" + cellText(node.shape, e) + " = ", ...joined(terms), ...(terms.length > 1 ? [" = ", { where: "grad", text: fmt(grad[e]) }] : []),
      ...(lost > 0 ? [" (", { where: "bad", text: lost + " part lost" }, ")"] : []), ...(known.complete(node.id) ? [] : [" so far"])]));
  };
  const numbers = grid({ label: "g of " + titleOf(node), where: "grad", shape: node.shape, values: grad, pick, hidden: model.hides(node.id) });
  model.pickGradient = model.hides(node.id) ? null : pick;
  const several = all.length > 1;
  const section = el("section", { class: "part gradient" },
    el("h3", {}, "Its gradient ", el("small", { text: several ? "used " + all.length + " times (fan-out): the parts are added" : all.length === 1 ? "used once" : "where the walk starts" })),
    el("div", { class: "scroll" }, numbers.root), list, written);
  if (model.hides(node.id)) written.textContent = "Hidden while the question is open.";
  else pick(Math.min(model.picks.gradient ?? 0, grad.length - 1));
  return section;
}

function panelRecorded(model, node) {
  return el("section", { class: "part" }, el("h3", { text: "Recorded value" }),
    el("div", { class: "scroll" }, grid({ label: "y", where: "y", shape: node.shape, values: model.values[node.id] }).root));
}

/// Draws the panel of the selected node. After a change of a number its fields stay, since somebody is typing in one.
function drawPanel(model, box, changed) {
  const { graph, positions, at, known, swept, selected } = model;
  const node = graph.nodes[selected];
  const here = positions[at];
  model.pickGradient = null;
  const fields = changed && box.dataset.node === model.example.name + selected ? box.querySelector(".fields")
    : isLeaf(node) && graph.computed ? panelFields(model, node) : null;
  const rest = [];
  if (node.id < known.recorded) {
    const step = swept.steps.find((s) => s.node === node.id);
    const reached = step && positions.slice(0, at + 1).some((p) => p.phase === "backward" && p.node === node.id);
    const current = here.phase === "backward" && here.node === node.id;
    const backward = reached ? panelBackward(model, node, step) : null;
    const forward = isLeaf(node) ? null : graph.computed ? panelForward(model, node, !current) : panelRecorded(model, node);
    rest.push(...(current ? [backward, panelGradient(model, node), forward] : [forward, backward, panelGradient(model, node)]));
    if (isLeaf(node) && !graph.computed) rest.push(panelRecorded(model, node));
  } else {
    rest.push(el("p", { class: "small", text: "Not recorded yet at this step." }));
  }
  const head = el("div", { class: "head" }, panelHead(model, node).filter(Boolean));
  const body = el("div", { class: "rest" }, rest.filter(Boolean));
  if (fields && fields.parentNode === box) {
    // Moving a field would take the focus from it.
    box.querySelector(".head").replaceWith(head);
    box.querySelector(".rest").replaceWith(body);
  } else {
    replaceKeepingFocus(box, head, fields, body);
  }
  box.dataset.node = model.example.name + selected;
}

/// Puts current numbers into the fields, but for the one that is being typed in.
function refreshFields(model, box) {
  box.querySelectorAll("input.field").forEach((input) => {
    if (input !== document.activeElement) input.value = plain(model.values[model.selected][Number(input.dataset.cell)]);
  });
}
