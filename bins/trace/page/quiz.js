// Predict the gradient first: gradients from a node on are hidden, and one cell is asked for.

/// Terms of a sum that somebody may be asked for.
const FEW_TERMS = 6;

/// { node, cell, answer: null | { given, right } }, or null where no gradient is a finite number. Chosen among the gradients that
/// take a few terms and are not nearly 0, if there are some; the node is another one than before.
function question(model, before) {
  const cells = model.swept.grads.flatMap((grad, node) => {
    if (grad === null || node === model.graph.loss) return [];
    const terms = grad.map(() => 0);
    for (const write of writesTo(model.swept, node)) for (const { o, e, slope } of write.entries) if (model.swept.grads[write.node][o] * slope !== 0) terms[e]++;
    return grad.map((g, cell) => ({ node, cell, g, terms: terms[cell] }));
  }).filter(({ g }) => Number.isFinite(g));
  const wishes = [({ terms }) => terms <= FEW_TERMS, ({ g }) => Math.abs(g) >= 0.02, ({ node }) => !before || node !== before.node];
  const left = wishes.reduce((list, wish) => (list.some(wish) ? list.filter(wish) : list), cells);
  if (left.length === 0) return null;
  const any = (list) => list[Math.floor(Math.random() * list.length)];
  const node = any([...new Set(left.map((c) => c.node))]);
  return { node, cell: any(left.filter((c) => c.node === node)).cell, answer: null };
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
  // What single numbers take to be differentiated fits into a line; matrices are looked at in their panel.
  const given = [...new Set(writesTo(swept, node).map((write) => write.node))].filter((user) => sizeOf(graph.nodes[user].shape) === 1 && model.values[node].length === 1)
    .map((user) => el("li", { class: "given" }, "#" + user + " " + titleOf(graph.nodes[user]) + ": ", formula([...valueWritten(model, graph.nodes[user], 0), ", g = ", piece("g", swept.grads[user][0])])));
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
    replaceKeepingFocus(box, title, ask, given.length > 0 ? el("ul", { class: "uses" }, given) : null, el("button", { type: "button", class: "plain", "data-focus": "quiz-go", text: "Look at " + users[0], onclick: () => model.choose(writesTo(swept, node)[0].node, true) }), form);
    return;
  }
  const truth = swept.grads[node][cell];
  const words = answer.given === null ? "It is " + fmt(truth) + "." : answer.right ? "Right: " + fmt(truth) + "." : "Not " + fmt(answer.given) + ": it is " + fmt(truth) + ".";
  replaceKeepingFocus(box, title, ask,
    el("p", { id: "quiz-result", class: "verdict " + (answer.right ? "good" : "bad"), role: "status", text: words }), explained(model, node, cell),
    el("div", { class: "form" }, el("button", { id: "quiz-next", "data-focus": "quiz-check", type: "button", text: "Another", onclick: () => model.ask() }),
      el("button", { type: "button", class: "plain", "data-focus": "quiz-stop", text: "Stop", onclick: () => model.stopQuiz() })));
}
