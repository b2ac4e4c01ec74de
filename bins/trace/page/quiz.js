// Predict the gradient first: gradients from a node on are hidden, and one cell is asked for.

/// { node, cell, answer: null | { given, right } }, chosen among the gradients that are not 0; those of later nodes can be seen.
function question(model, before) {
  const cells = model.swept.grads.flatMap((grad, node) => (grad === null || node === model.graph.loss ? [] : grad.map((g, cell) => ({ node, cell, g })).filter(({ g }) => Number.isFinite(g))));
  const nodes = [...new Set(cells.filter(({ g }) => Math.abs(g) >= 0.02).map(({ node }) => node))];
  const fresh = nodes.filter((node) => !before || node !== before.node);
  const from = fresh.length > 0 ? fresh : nodes.length > 0 ? nodes : cells.map(({ node }) => node);
  if (from.length === 0) return null;
  const node = from[Math.floor(Math.random() * from.length)];
  const of = cells.filter((c) => c.node === node && (Math.abs(c.g) >= 0.02 || nodes.length === 0));
  const { cell } = of[Math.floor(Math.random() * of.length)];
  return { node, cell, answer: null };
}

/// Right within one percent, or the last digit that is shown.
function isRight(given, truth) {
  return Math.abs(given - truth) <= 0.01 * Math.abs(truth) + 5e-4;
}

/// The answer written out: a line for each use.
function explained(model, node, cell) {
  const writes = writesTo(model.swept, node);
  const lines = writes.map((write) => el("li", {}, "#" + write.node + " " + titleOf(model.graph.nodes[write.node]) + ": ", formula(partWritten(model, write, cell))));
  const total = model.swept.grads[node][cell];
  return [el("ol", { class: "uses" }, lines),
    writes.length > 1 ? el("p", { class: "written" }, formula(["the parts are added: ", ...joined(writes.map((write, i) => [i === 0 ? piece("part", write.part[cell]) : factor("part", write.part[cell])])), " = ", { where: "grad", text: fmt(total) }])) : null];
}

function drawQuiz(model, box) {
  const { quiz, graph, swept } = model;
  const title = el("h2", { id: "quiz-title" }, "Predict the gradient ", quiz.asked > 0 ? el("small", { id: "quiz-count", text: quiz.right + " of " + quiz.asked + " right" }) : null);
  if (!graph.computed || swept.steps.length === 0) {
    box.replaceChildren(title, el("p", { text: "There are no gradients to predict." }));
    return;
  }
  if (!quiz.question) {
    replaceKeepingFocus(box, title, quiz.nothing ? el("p", { class: "verdict bad", role: "status", text: "No gradient is a finite number here, so none can be asked for. Change a leaf." }) : null,
      el("p", { class: "small", text: "One gradient is asked for. It and all that come after it in the walk back are hidden; those of the nodes that use it can be seen. One step of the chain rule is enough." }),
      el("button", { id: "quiz-start", "data-focus": "quiz-start", type: "button", text: "Ask me", onclick: () => model.ask() }));
    return;
  }
  const { node, cell, answer } = quiz.question;
  const name = "#" + node + " " + titleOf(graph.nodes[node]) + cellText(graph.nodes[node].shape, cell);
  const users = [...new Set(writesTo(swept, node).map((write) => "#" + write.node + " " + titleOf(graph.nodes[write.node])))];
  const ask = el("p", { id: "quiz-question", "data-node": node, "data-cell": cell }, "What is d loss / d ", el("b", { text: name }), "? It is used by " + listed(users) + ", whose g can be seen.");
  if (!answer) {
    const draft = box.querySelector("#quiz-answer")?.dataset.question === node + "-" + cell ? box.querySelector("#quiz-answer").value : "";
    const input = el("input", {
      id: "quiz-answer", "data-focus": "quiz-answer", "data-question": node + "-" + cell, type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": "Your answer", value: draft,
    });
    input.value = draft;
    const form = el("form", { class: "form", onsubmit: (event) => {
      event.preventDefault();
      const given = parseNumber(input.value);
      input.setAttribute("aria-invalid", Number.isFinite(given) ? "false" : "true");
      if (Number.isFinite(given)) model.answer(given);
    } }, input, el("button", { id: "quiz-check", "data-focus": "quiz-check", type: "submit", text: "Check" }),
    el("button", { id: "quiz-show", "data-focus": "quiz-show", type: "button", class: "plain", text: "Show it", onclick: () => model.answer(null) }),
    el("button", { type: "button", class: "plain", "data-focus": "quiz-stop", text: "Stop", onclick: () => model.stopQuiz() }));
    replaceKeepingFocus(box, title, ask, el("button", { type: "button", class: "plain", "data-focus": "quiz-go", text: "Look at " + users[0], onclick: () => model.choose(writesTo(swept, node)[0].node, true) }), form);
    return;
  }
  const truth = swept.grads[node][cell];
  const words = answer.given === null ? "It is " + fmt(truth) + "." : answer.right ? "Right: " + fmt(truth) + "." : "Not " + fmt(answer.given) + ": it is " + fmt(truth) + ".";
  replaceKeepingFocus(box, title, ask,
    el("p", { id: "quiz-result", class: "verdict " + (answer.right ? "good" : "bad"), role: "status", text: words }), explained(model, node, cell),
    el("div", { class: "form" }, el("button", { id: "quiz-next", "data-focus": "quiz-check", type: "button", text: "Another", onclick: () => model.ask() }),
      el("button", { type: "button", class: "plain", "data-focus": "quiz-stop", text: "Stop", onclick: () => model.stopQuiz() })));
}
