// The graph as SVG.

/// Lines of text in a node, in pixels from its top.
const LINES = { title: 19, shape: 34, value: 50, grad: 66, heat: 74 };

/// Room for the squares of a tensor.
function heatHeight(node) {
  const { planes, rows, across } = planesOf(node.shape);
  return Math.min(46, (planes / across) * rows * 9);
}

function nodeHeight(node) {
  return sizeOf(node.shape) > 1 ? LINES.heat + heatHeight(node) + 8 : LINES.grad + 9;
}

/// Pixels of a letter of a title, at most.
const LETTER = 8.3;

/// The layout that fits into `room` pixels: rows below each other in narrow windows, columns beside each other else. Nodes are
/// narrowed until it fits, those with long titles last.
function fitted(graph, room) {
  const down = room < 700;
  const [widest, narrowest] = down ? [150, 88] : [208, 118];
  const lay = (width, most) => layout(graph.nodes, graph.nodes.map((node) => [
    Math.max(width, Math.min(most, 18 + LETTER * [...titleOf(node)].length)), nodeHeight(node),
  ]), { down, along: down ? 34 : Math.max(47, Math.min(90, width - 84)), across: down ? 10 : 22, portGap: down ? 42 : 20, most: down ? room : 440 });
  let best;
  for (const most of [150, 0]) {
    for (let width = widest; width >= narrowest; width -= 3) {
      best = { ...lay(width, most), down };
      if (best.width <= room) return best;
    }
  }
  return best;
}

/// Some numbers of a value, as many as fit.
function sample(values, letters) {
  if (values.length === 1) return fmt(values[0]);
  let text = "";
  for (let i = 0; i < values.length; i++) {
    const next = (i === 0 ? "" : " ") + brief(values[i]);
    if (text.length + next.length + (i < values.length - 1 ? 2 : 0) > letters) return text + " …";
    text += next;
  }
  return text;
}

/// A tensor as small squares: blue above 0, orange below, paler near 0.
function heatmap(shape, values, x, y, width, height) {
  const { planes, rows, columns, across } = planesOf(shape);
  const down = planes / across;
  const side = Math.min(9, (width - 2 * (across - 1)) / (across * columns), (height - 2 * (down - 1)) / (down * rows));
  const most = Math.max(...values.map((v) => (Number.isFinite(v) ? Math.abs(v) : 0)), 1e-300);
  const all = svg("g", { class: "heat" });
  values.forEach((v, e) => {
    const plane = Math.floor(e / (rows * columns)), i = Math.floor(e / columns) % rows, j = e % columns;
    const left = x + (plane % across) * (columns * side + 2) + j * side;
    const top = y + Math.floor(plane / across) * (rows * side + 2) + i * side;
    const share = Number.isFinite(v) ? Math.abs(v) / most : 1;
    all.append(svg("rect", {
      x: left, y: top, width: Math.max(1, side - 0.6), height: Math.max(1, side - 0.6),
      class: Number.isNaN(v) ? "nan" : v < 0 ? "minus" : "plus", "fill-opacity": (0.12 + 0.88 * share).toFixed(3),
    }));
  });
  return all;
}

/// A curve through points: straight where two lie on one line, else with its bend halfway.
function curve(points, down) {
  let path = "M" + points[0].map((v) => v.toFixed(1)).join(" ");
  for (let i = 1; i < points.length; i++) {
    const [x0, y0] = points[i - 1], [x1, y1] = points[i];
    const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
    const bend = down ? [x0, cy, x1, cy, x1, y1] : [cx, y0, cx, y1, x1, y1];
    path += " C" + bend.map((v) => v.toFixed(1)).join(" ");
  }
  return path;
}

/// A small triangle with its tip at a point.
function arrow([x, y], down, backward) {
  const s = backward ? -1 : 1;
  const tip = down ? [[x, y], [x - 4, y - 7 * s], [x + 4, y - 7 * s]] : [[x, y], [x - 7 * s, y - 4], [x - 7 * s, y + 4]];
  return svg("polygon", { points: tip.map((p) => p.map((v) => v.toFixed(1)).join(",")).join(" ") });
}

/// What an edge says about its write: { kind: "set", "add" or "later", text }, or null. Only edges of the current step and of values
/// that are used more than once say something; those say in which order the uses write.
function tagOf(model, edge) {
  const { graph, positions, known, at } = model;
  if (positions[at].phase === "forward" || positions[at].phase === "seed") return null;
  const write = known.written.find((w) => w.node === edge.to && w.k === edge.k);
  const now = positions[at].phase === "backward" && positions[at].node === edge.to;
  const several = graph.uses[edge.from].filter(([user]) => graph.needs[user]).length > 1;
  const turn = writesTo(model.swept, edge.from).findIndex((w) => w.node === edge.to && w.k === edge.k) + 1;
  if (write) return now || several ? { kind: overwrites(write) ? "broken" : write.how, text: (several ? turn + " " : "") + write.how } : null;
  const touched = positions[at].writes.some((w) => w.input === edge.from);
  return several && touched && turn > 0 ? { kind: "later", text: turn + " later" } : null;
}

function drawEdge(model, edge, down) {
  const { graph, positions, at } = model;
  const here = positions[at];
  const tag = tagOf(model, edge);
  const computing = here.phase === "forward" && here.node === edge.to;
  const handing = here.phase === "backward" && here.writes.some((w) => w.node === edge.to && w.k === edge.k);
  const state = computing ? " forward" : handing ? " backward" : tag && tag.kind === "later" ? " later" : "";
  const faded = here.phase === "forward" && edge.to > here.node ? " faded" : "";
  const dashed = graph.needs[edge.from] ? "" : " constant";
  const points = edge.points;
  const g = svg("g", { class: "edge" + state + faded + dashed, "data-edge": edge.from + "-" + edge.to + "-" + edge.k });
  g.append(svg("path", { d: curve(points, down) }));
  g.append(handing ? arrow(points[0], down, true) : arrow(points[points.length - 1], down, false));
  if (tag) {
    const [x, y] = points[points.length - 1];
    const width = 9 + 6.1 * tag.text.length;
    const [cx, cy] = down ? [x, y - 16] : [x - 8 - width / 2, y];
    g.append(svg("rect", { class: "tag " + tag.kind, x: cx - width / 2, y: cy - 8, width, height: 16, rx: 8 }));
    g.append(svg("text", { class: "tag " + tag.kind, x: cx, y: cy + 3.6, "text-anchor": "middle", text: tag.text }));
  }
  return g;
}

function drawNode(model, node, box, choose) {
  const { graph, values, known, positions, at, selected, fault } = model;
  const recorded = node.id < known.recorded;
  const here = positions[at];
  const now = here.node === node.id ? (here.phase === "forward" ? " now forward" : " now backward") : "";
  const grad = known.grads[node.id];
  const hidden = model.hides(node.id);
  const wrong = model.wrongNodes.has(node.id) && grad !== null && !hidden;
  const classes = ["node", isLeaf(node) ? "leaf" : "op", graph.needs[node.id] ? "" : "constant", recorded ? "" : "faded",
    selected === node.id ? "selected" : "", fault && fault.node === node.id ? "broken" : "", wrong ? "wrong" : ""];
  const letters = Math.floor((box.width - 18) / 6.95);
  const words = ["= ", "g "];
  const value = recorded ? sample(values[node.id], letters - words[0].length) : "";
  const gradient = !graph.needs[node.id] ? (letters > 11 ? "no gradient" : "no g") : hidden ? words[1] + "?"
    : grad === null ? "" : words[1] + sample(grad, letters - words[1].length - (known.complete(node.id) ? 0 : 4)) + (known.complete(node.id) ? "" : " + …");
  const label = (isLeaf(node) ? visible(node.op) + " " : "") + titleOf(node) + ", node " + node.id + ", " + shapeText(node.shape)
    + (recorded ? ", value " + sample(values[node.id], 40) : ", not recorded yet")
    + (grad !== null && !hidden ? ", gradient " + sample(grad, 40) : "") + (isLeaf(node) ? ", can be changed" : "");
  const g = svg("g", {
    class: classes.filter(Boolean).join(" ") + now, transform: "translate(" + box.x.toFixed(1) + " " + box.y.toFixed(1) + ")",
    role: "button", tabindex: 0, "aria-label": label, "aria-pressed": selected === node.id ? "true" : "false",
    "data-node": node.id, "data-focus": "node" + node.id,
    onclick: () => choose(node.id, true),
    onkeydown: (event) => {
      if (event.key === "Enter" || event.key === " ") {
        choose(node.id, true);
      } else if (isLeaf(node) && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
        choose(node.id, false);
        model.nudge(node.id, event.key === "ArrowUp" ? 0.1 : -0.1);
      } else {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
    },
  });
  g.append(svg("title", { text: label }));
  g.append(svg("rect", { class: "ring", x: -5, y: -5, width: box.width + 10, height: box.height + 10, rx: isLeaf(node) ? 5 : 15 }));
  g.append(svg("rect", { class: "box", width: box.width, height: box.height, rx: isLeaf(node) ? 2 : 11 }));
  const line = (kind, text) => g.append(svg("text", { class: kind, x: 9, y: LINES[kind], text }));
  line("title", shortened(titleOf(node), Math.floor((box.width - 14) / LETTER)));
  const place = "#" + node.id + " " + shapeText(node.shape).replace(/ × /g, "×");
  const more = isLeaf(node) ? node.op : node.scope ? "in " + visible(node.scope) : "";
  line("shape", shortened(more && place.length + more.length + 1 <= letters + 1 ? place + " " + more : place, letters + 1));
  if (recorded) line("value", words[0] + value);
  line("grad", gradient);
  if (sizeOf(node.shape) > 1) {
    const half = graph.needs[node.id] ? (box.width - 24) / 2 : box.width - 18;
    if (recorded) g.append(heatmap(node.shape, values[node.id], 9, LINES.heat, half, heatHeight(node)));
    if (grad !== null && !hidden) g.append(heatmap(node.shape, grad, 15 + half, LINES.heat, half, heatHeight(node)));
  }
  if (fault && fault.node === node.id) {
    g.append(svg("rect", { class: "tag broken", x: box.width - 53, y: -9, width: 52, height: 17, rx: 8 }));
    g.append(svg("text", { class: "tag broken", x: box.width - 27, y: 3.5, "text-anchor": "middle", text: "broken" }));
  }
  return g;
}

/// Draws the graph into `box` by a plan of `fitted`; `choose(node, byHand)` is told about clicks.
function drawGraph(model, plan, box, choose) {
  // Edges first, those of the current step on top of the others.
  const edges = plan.edges.map((edge) => drawEdge(model, edge, plan.down));
  edges.sort((a, b) => /forward|backward/.test(a.getAttribute("class")) - /forward|backward/.test(b.getAttribute("class")));
  const nodes = model.graph.nodes.map((node, i) => drawNode(model, node, plan.boxes[i], choose));
  const width = Math.ceil(plan.width), height = Math.ceil(plan.height);
  replaceKeepingFocus(box, svg("svg", { width, height, viewBox: "0 0 " + width + " " + height, role: "group", "aria-label": "Nodes of the tape" },
    edges, nodes));
}

/// Scrolls the box, not the page, so that the current node can be seen.
function showNode(box, plan, node) {
  if (node === null || node === undefined) return;
  const { x, y, width, height } = plan.boxes[node];
  const left = (box.scrollWidth - plan.width) / 2 + x;
  if (left < box.scrollLeft || left + width > box.scrollLeft + box.clientWidth) box.scrollLeft = left - (box.clientWidth - width) / 2;
  if (y - 20 < box.scrollTop || y + height + 20 > box.scrollTop + box.clientHeight) box.scrollTop = y - (box.clientHeight - height) / 2;
}
