// Three derivatives of every parameter and variable, side by side.

const COLUMNS = [
  ["numeric", "differences", "four points, h = 3e−4"],
  ["dual", "dual", "forward mode"],
  ["tape", "tape", "reverse mode"],
];

/// The line under the table: what the pattern says.
function verdict(model) {
  const { graph, values, wrong, fault, table } = model;
  if (!Number.isFinite(values[graph.loss][0])) return ["bad", "The loss is " + fmt(values[graph.loss][0]) + " here, so there is nothing to compare."];
  if (wrong) {
    const { write, key, ratio } = wrong;
    const pattern = ratio === undefined ? DIAGNOSES.find((row) => row[0] === key)[1].replace("-", "−") : "ratio " + fmt(ratio);
    const where = "#" + write.node + " " + titleOf(graph.nodes[write.node]) + " hands to #" + write.input + " " + titleOf(graph.nodes[write.input]);
    return ["bad", pattern[0].toUpperCase() + pattern.slice(1) + ": " + wordsOf(key) + ". It starts with what " + where + "."];
  }
  const kinks = Object.entries(table).filter(([, row]) => diagnose(row)?.key === "kink");
  if (kinks.length > 0) {
    return ["kink", "For " + listed(kinks.map(([id]) => titleOf(graph.nodes[id]))) + " dual and tape agree, the difference does not: " + wordsOf("kink") + "."];
  }
  if (fault) return ["calm", "Broken, and nothing shows. " + harmless(graph, model.swept, fault)];
  const most = Math.max(0, ...Object.values(table).flatMap(({ numeric, dual, tape }) => dual.map((d, e) => spreadOf(numeric[e], d, tape[e]))));
  return ["good", "All three agree; they are at most " + tiny(most) + " apart."];
}

function spreadOf(...numbers) {
  return Math.max(...numbers) - Math.min(...numbers);
}

function drawTable(model, box, choose) {
  const { graph, table } = model;
  const scroll = box.querySelector(".scroll")?.scrollTop ?? 0;
  const head = el("h2", { id: "derivatives-title", text: "Three derivatives" });
  if (!graph.computed) {
    box.replaceChildren(head, el("p", { text: "This example has operations that the page does not compute, so there are no derivatives to compare." }));
    return;
  }
  const decimals = innerWidth < 500 ? 5 : 7;
  const rows = Object.entries(table).flatMap(([id, { numeric, dual, tape }]) => {
    const node = graph.nodes[id];
    return dual.map((d, e) => {
      const hidden = model.hides(node.id);
      const wrong = !hidden && apart(d, tape[e]), kink = !hidden && !wrong && apart(numeric[e], d);
      const ratio = d !== 0 && Number.isFinite(tape[e] / d) ? "×" + fmt(tape[e] / d) : "";
      const cells = [numeric[e], d, tape[e]].map((v, i) => el("td", { class: COLUMNS[i][0], text: hidden ? "?" : exact(v, decimals) }));
      return el("tr", { class: [wrong ? "wrong" : kink ? "kink" : "", model.selected === node.id ? "selected" : ""].join(" "), "data-node": id, "data-cell": e, onclick: () => choose(node.id, e) },
        el("th", { scope: "row" }, el("button", { type: "button", class: "link", "data-focus": "row" + id + "-" + e, text: titleOf(node) + cellText(node.shape, e) })),
        cells, el("td", { class: "difference", text: hidden ? "?" : tiny(spreadOf(numeric[e], d, tape[e])) + (wrong && ratio ? ", " + ratio : "") }));
    });
  });
  const [kind, words] = model.quizOpen() ? ["calm", "Hidden while the question is open."] : verdict(model);
  replaceKeepingFocus(box, head,
    el("p", { id: "verdict", class: "verdict " + kind, role: "status", text: words }),
    el("div", { class: "scroll table" }, el("table", {},
      el("thead", {}, el("tr", {}, el("th", { scope: "col", text: "d loss / d" }), COLUMNS.map(([key, name, what]) => el("th", { scope: "col", class: key, title: what }, name, el("small", { text: what }))), el("th", { scope: "col", text: "apart" }))),
      el("tbody", {}, rows))),
    foldable(model.folds, "patterns", false, { id: "patterns" }, "What a pattern says",
      el("dl", {}, DIAGNOSES.map(([, pattern, words]) => [el("dt", { text: pattern.replace("-", "−") }), el("dd", { text: words })]))));
  const again = box.querySelector(".scroll");
  if (again) again.scrollTop = scroll;
}
