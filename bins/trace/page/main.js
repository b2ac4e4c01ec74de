// The state of the page, and what buttons and keys do to it.

const PLAY_EVERY = 1200; // milliseconds

function start() {
  const data = JSON.parse(byId("data").textContent);
  if (data.version !== 1) throw new Error("the data has the version " + visible(data.version) + "; this page reads version 1");
  if (!Array.isArray(data.examples) || data.examples.length === 0) throw new Error("the data has no examples");
  let plan = null, width = 0;
  const model = {
    breakKind: "sign",
    folds: {},
    quiz: { question: null, right: 0, asked: 0 },
    /// Gradients of this node are hidden: a question about it, or about a node after it, is open.
    hides: (node) => model.quizOpen() && node <= model.quiz.question.node,
    quizOpen: () => model.quiz.question !== null && model.quiz.question.answer === null,
    choose, set, nudge, restore, breakAt, ask, answer, stopQuiz,
  };

  function load(example) {
    stop();
    model.example = example;
    model.graph = checkedGraph(example);
    model.leaves = model.graph.nodes.map((node) => node.value.slice());
    model.fault = null;
    model.breakNode = undefined;
    model.quiz.question = null;
    compute();
    model.recordedLoss = model.values[model.graph.loss][0];
    model.at = model.positions.length - 1;
    model.picks = {};
    // The first node worth looking at: one that is used several times, or the first that is computed.
    const several = model.graph.nodes.find((node) => model.graph.needs[node.id] && model.graph.uses[node.id].length > 1);
    model.selected = (several ?? model.graph.nodes.find((node) => !isLeaf(node)) ?? model.graph.nodes[0]).id;
    place();
    byId("about").textContent = visible(example.about ?? "");
    byId("examples").querySelectorAll("button").forEach((button, i) => button.setAttribute("aria-pressed", String(data.examples[i] === example)));
    draw();
    byId("graph").scrollTo(0, 0);
  }

  /// Places of the nodes, for the width of the window.
  function place() {
    width = byId("graph").clientWidth;
    plan = fitted(model.graph, width);
  }

  function compute() {
    const { graph } = model;
    model.quiz.nothing = false;
    model.values = graph.computed ? forward(graph, model.leaves) : graph.nodes.map((node) => node.value);
    model.swept = graph.computed ? sweep(graph, model.values, model.fault) : { grads: graph.nodes.map(() => null), steps: [] };
    model.positions = positionsOf(graph, model.swept);
    model.table = derivatives(graph, model.values, model.swept.grads);
    model.wrong = model.fault ? firstWrong(graph, model.values, model.swept) : null;
    model.wrongNodes = new Set();
    if (model.fault) {
      model.swept.grads.forEach((grad, node) => {
        if (grad === null) return;
        const right = dualGradient(graph, model.values, node);
        if (grad.some((g, e) => apart(right[e], g))) model.wrongNodes.add(node);
      });
    }
  }

  /// Draws everything; `changed`: a number was changed, and the fields of the panel stay.
  function draw(changed) {
    const { graph, positions } = model;
    model.at = Math.min(model.at, positions.length - 1);
    model.known = knownAt(graph, positions, model.at);
    drawGraph(model, plan, byId("graph"), choose);
    drawPanel(model, byId("panel"), changed);
    if (changed) refreshFields(model, byId("panel"));
    drawTable(model, byId("derivatives"), (node, cell) => {
      model.picks.gradient = cell;
      choose(node, true);
    });
    drawBreaker(model, byId("breaker"));
    drawQuiz(model, byId("quiz"));
    const { phase } = positions[model.at];
    const passed = positions.filter((p) => p.phase === phase), turn = passed.indexOf(positions[model.at]) + 1;
    byId("where").textContent = { forward: "forward " + turn + " of " + passed.length, seed: "the turn: g = 1", backward: "backward " + turn + " of " + passed.length, end: "done" }[phase];
    byId("where").className = phase;
    const loss = fmt(model.values[graph.loss][0]), before = fmt(model.recordedLoss);
    byId("loss").textContent = model.known.recorded <= graph.loss ? "loss …" : "loss " + loss + (loss === before ? "" : ", was " + before);
    byId("now").replaceChildren(...formula(nowWritten(model)));
    byId("said").textContent = sentence(model) + (graph.computed ? "" : " " + graph.refusals.find(Boolean));
    const range = byId("position");
    range.max = positions.length - 1;
    range.value = model.at;
    range.setAttribute("aria-valuetext", byId("where").textContent);
    byId("first").disabled = byId("back").disabled = model.at === 0;
    byId("last").disabled = byId("next").disabled = model.at === positions.length - 1;
  }

  /// Goes to a position; the panel follows the walk.
  function go(at) {
    model.at = Math.max(0, Math.min(at, model.positions.length - 1));
    const { node } = model.positions[model.at];
    if (node !== null && node !== model.selected) {
      model.selected = node;
      model.picks = {};
    } else if (node !== null) {
      model.picks = {};
    }
    draw();
    showNode(byId("graph"), plan, node);
  }

  function step(n = 1) {
    go(model.at + n);
  }

  function choose(node, byHand) {
    const other = node !== model.selected;
    if (other) model.picks = { gradient: model.picks.gradient };
    model.selected = node;
    draw();
    if (!byHand) return;
    const field = byId("panel").querySelector("input.field[data-cell=\"" + (model.picks.gradient ?? 0) + "\"]") ?? byId("panel").querySelector("input.field");
    const panel = byId("panel");
    if (field) {
      field.focus({ preventScroll: true });
      field.select();
    }
    const box = (field ?? panel).getBoundingClientRect();
    if (box.top > innerHeight - 120 || box.bottom < 80) panel.scrollIntoView({ block: "start", behavior: calm() ? "auto" : "smooth" });
  }

  function calm() {
    return matchMedia("(prefers-reduced-motion: reduce)").matches;
  }

  function set(node, cell, value) {
    const { graph } = model;
    if (!graph.nodes[node] || !isLeaf(graph.nodes[node])) throw new Error("node " + node + " is no leaf: only leaves can be changed");
    if (!graph.computed) throw new Error(graph.refusals.find(Boolean));
    if (!Number.isInteger(cell) || cell < 0 || cell >= model.leaves[node].length) throw new Error("node " + node + " has no cell " + cell);
    if (!Number.isFinite(value)) throw new Error(value + " is no number that a leaf may have");
    model.leaves[node] = model.leaves[node].map((v, e) => (e === cell ? value : v));
    compute();
    draw(true);
  }

  function nudge(node, by) {
    if (!model.graph.computed) return;
    const cell = Math.min(model.picks.gradient ?? 0, model.leaves[node].length - 1);
    set(node, cell, nudged(model.leaves[node][cell], by));
  }

  function restore(node) {
    model.leaves[node] = model.graph.nodes[node].value.slice();
    compute();
    draw(true);
  }

  /// Breaks a node, or mends what is broken: breakAt(null).
  function breakAt(node, kind) {
    if (node === null) {
      model.fault = null;
    } else {
      breakageOf(kind);
      if (!model.swept.steps.some((s) => s.node === node)) throw new Error("no gradient passes node " + node);
      model.fault = { node, kind };
      model.breakNode = node;
      model.breakKind = kind;
      model.selected = node;
      model.picks = {};
      model.quiz.question = null;
      model.at = model.positions.length - 1;
    }
    compute();
    draw();
  }

  function ask() {
    stop();
    model.fault = null;
    compute();
    model.quiz.question = question(model, model.quiz.question);
    model.quiz.nothing = model.quiz.question === null;
    model.at = model.positions.length - 1;
    if (model.quiz.question) {
      model.selected = writesTo(model.swept, model.quiz.question.node)[0].node;
      model.picks = {};
    }
    draw();
    byId("quiz-answer")?.focus({ preventScroll: true });
  }

  function answer(given) {
    const { node, cell } = model.quiz.question;
    const right = given !== null && isRight(given, model.swept.grads[node][cell]);
    model.quiz.question.answer = { given, right };
    model.quiz.asked++;
    if (right) model.quiz.right++;
    draw();
  }

  function stopQuiz() {
    model.quiz.question = null;
    draw();
  }

  let timer = null;
  function stop() {
    clearInterval(timer);
    timer = null;
    byId("play").textContent = "Play";
    byId("play").setAttribute("aria-pressed", "false");
  }

  function play() {
    if (timer !== null) return stop();
    if (model.at === model.positions.length - 1) go(0);
    byId("play").textContent = "Pause";
    byId("play").setAttribute("aria-pressed", "true");
    timer = setInterval(() => {
      step();
      if (model.at === model.positions.length - 1) stop();
    }, PLAY_EVERY);
  }

  const byButton = (action) => () => {
    stop();
    action();
  };
  const keys = {
    ArrowRight: byButton(() => step(1)),
    ArrowLeft: byButton(() => step(-1)),
    Home: byButton(() => go(0)),
    End: byButton(() => go(model.positions.length - 1)),
    " ": play,
  };
  document.addEventListener("keydown", (event) => {
    const inside = event.target.closest("input, select, textarea, summary");
    const pressed = event.key === " " && event.target.closest("button, a");
    const range = event.target.id === "position" && event.key === " ";
    if ((inside && !range) || pressed || event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  byId("next").addEventListener("click", keys.ArrowRight);
  byId("back").addEventListener("click", keys.ArrowLeft);
  byId("first").addEventListener("click", keys.Home);
  byId("last").addEventListener("click", keys.End);
  byId("play").addEventListener("click", play);
  byId("position").addEventListener("input", () => {
    stop();
    go(Number(byId("position").value));
  });

  byId("examples").append(...data.examples.map((example) =>
    el("button", { type: "button", "aria-pressed": "false", onclick: () => load(example), text: visible(example.title ?? example.name) })));
  addEventListener("resize", () => {
    if (byId("graph").clientWidth === width) return;
    place();
    draw(true);
  });

  load(data.examples[0]);

  // For programs that click through the page and compare numbers.
  window.trace = {
    examples: data.examples.map((example) => example.name),
    select(name) {
      const found = data.examples.find((example) => example.name === name);
      if (!found) throw new Error("there is no example named " + name);
      load(found);
    },
    set,
    step,
    gradients: () => Object.fromEntries(Object.entries(derivatives(model.graph, model.values, model.swept.grads))
      .map(([id, row]) => [id, { numeric: [...row.numeric], dual: [...row.dual], tape: [...row.tape] }])),
    values: () => model.values.map((v) => [...v]),
    breakAt,
    diagnosis: () => (model.wrong ? model.wrong.key : null),
  };
}

try {
  start();
} catch (error) {
  const where = document.querySelector("main");
  where.replaceChildren(el("p", { class: "verdict bad", role: "alert", text: "This page cannot be shown: " + error.message + "." }));
}
