// Breaking a node on purpose.

function drawBreaker(model, box) {
  const { graph, swept, fault } = model;
  const title = el("h2", { id: "breaker-title", text: "Break it" });
  if (!graph.computed || swept.steps.length === 0) {
    box.replaceChildren(title, el("p", { text: "Nothing here can be broken: no gradient is computed." }));
    return;
  }
  const nodes = swept.steps.map((step) => step.node);
  const preferred = fault ? fault.node : nodes.includes(model.selected) ? model.selected : model.breakNode !== undefined && nodes.includes(model.breakNode) ? model.breakNode : nodes[0];
  const where = el("select", { id: "break-node", "data-focus": "break-node", onchange: () => { model.breakNode = Number(where.value); if (model.fault) act(); } },
    nodes.map((id) => el("option", { value: id, selected: id === preferred, text: "#" + id + " " + titleOf(graph.nodes[id]) })));
  const how = el("select", { id: "break-kind", "data-focus": "break-kind", onchange: () => { model.breakKind = how.value; if (model.fault) act(); } },
    BREAKAGES.map(({ kind, words }) => el("option", { value: kind, selected: kind === (fault ? fault.kind : model.breakKind), text: words })));
  const act = () => model.breakAt(Number(where.value), how.value);
  const button = fault
    ? el("button", { id: "break", "data-focus": "break", type: "button", text: "Mend it", onclick: () => model.breakAt(null) })
    : el("button", { id: "break", "data-focus": "break", type: "button", class: "danger", text: "Break it", onclick: act });
  replaceKeepingFocus(box, title,
    el("p", { class: "small", text: "Make a mistake in one node's backward pass, and see in which column and in which pattern it shows." }),
    el("div", { class: "form" }, el("label", {}, "node ", where), el("label", {}, "mistake ", how), button),
    fault ? el("p", { id: "broken-words", class: "verdict " + verdict(model)[0], text: verdict(model)[1] }) : null);
}
