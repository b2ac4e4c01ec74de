// Each breakage, at each node of each example, and what the page says about it.
import assert from "node:assert/strict";
import test from "node:test";
import { fixture } from "../fixture/make_fixture.mjs";
import { graph, page } from "./load.mjs";

function examples() {
  return fixture().examples.map((example) => {
    const made = page.graphOf(example);
    return { name: example.name, graph: made, values: page.forward(made, made.nodes.map((node) => node.value)) };
  });
}

/// What a breakage has to be called where it shows in the write; null where it cannot show.
function expected(kind, broken, right) {
  const moving = right.part.some((v) => Math.abs(v) > 1e-6);
  const several = right.part.filter((v) => Math.abs(v) > 1e-6).length > 1;
  switch (kind) {
    case "sign": return moving ? "sign" : null;
    case "twice": return moving ? "twice" : null;
    case "nothing": return moving ? "nothing" : null;
    case "unwritten": return "unwritten";
    case "mean": {
      const n = Math.max(broken.g, right.part.length);
      if (n === 1 || !moving) return null;
      if (n === 2) return "half";
      return several ? "reduction" : "slope";
    }
    case "set": return right.how === "add" ? "overwritten" : null;
    default: return undefined;
  }
}

for (const { name, graph: made, values } of examples()) {
  const right = page.sweep(made, values, null);
  test(`${name}: nothing is wrong with what is not broken`, () => {
    assert.equal(page.firstWrong(made, values, right), null);
    for (const row of Object.values(page.derivatives(made, values, right.grads))) assert.equal(page.diagnose(row), null);
  });
  for (const { kind } of page.BREAKAGES.filter((b) => b.kind !== "slope")) {
    test(`${name}: ${kind} at every node is found there and called by its name`, () => {
      let shown = 0;
      for (const step of right.steps) {
        const wrong = page.firstWrong(made, values, page.sweep(made, values, { node: step.node, kind }));
        const names = step.writes.map((write) => [write.k, expected(kind, { g: step.g.length }, write)]).filter(([, key]) => key !== null);
        if (names.length === 0) {
          assert.equal(wrong, null, `node ${step.node}`);
          continue;
        }
        assert.ok(wrong, `node ${step.node} is broken and nothing is found`);
        assert.deepEqual([wrong.write.node, wrong.write.k, wrong.key], [step.node, ...names[0]]);
        shown++;
      }
      const fanOut = right.steps.some((step) => step.writes.some((write) => write.how === "add"));
      const tensors = values.some((v) => v.length > 1);
      assert.ok(shown > 0 || (kind === "set" && !fanOut) || (kind === "mean" && !tensors));
    });
  }
}

test("a forgotten slope is found where slopes are not 1", () => {
  for (const { name, graph: made, values } of examples()) {
    const right = page.sweep(made, values, null);
    for (const step of right.steps) {
      const wrong = page.firstWrong(made, values, page.sweep(made, values, { node: step.node, kind: "slope" }));
      const differs = step.writes.some((write) => {
        const alone = write.part.map((_, e) => write.entries.filter((entry) => entry.e === e).reduce((sum, { o }) => sum + step.g[o], 0));
        return alone.some((v, e) => page.apart(v, write.part[e]));
      });
      assert.equal(wrong !== null, differs, `${name}, node ${step.node}`);
      if (wrong) assert.equal(wrong.write.node, step.node);
    }
  }
});

test("the pattern of a forgotten slope is that of a slope, of a reduction where all slopes are equal, of a sign where they are -1", () => {
  const key = (op, constants = {}, x = [0.4, -1.1, 0.7]) => {
    const { graph: made, values } = graph([["variable", [3], x], ["mul", [0, 0], [3]], [op, [1], [3], constants], ["sum", [2], []]]);
    return page.firstWrong(made, values, page.sweep(made, values, { node: 2, kind: "slope" }))?.key ?? null;
  };
  assert.equal(key("tanh"), "slope");
  assert.equal(key("exp"), "slope");
  assert.equal(key("neg"), "sign");
  assert.equal(key("scale", { factor: 0.25 }), "reduction");
  assert.equal(key("scale", { factor: 0.5 }), "twice");
  assert.equal(key("shift", { by: 2 }), null);
});

test("a kink within 2h: dual and tape agree, the difference does not", () => {
  for (const x of [0, 1e-4, -5e-4]) {
    const { graph: made, values } = graph([["variable", [2], [x, 1]], ["relu", [0], [2]], ["sum", [1], []]]);
    const swept = page.sweep(made, values, null);
    const row = page.derivatives(made, values, swept.grads)[0];
    assert.equal(page.diagnose(row).key, "kink", `at ${x}`);
    assert.deepEqual(row.tape, row.dual);
    assert.equal(page.firstWrong(made, values, swept), null);
  }
  const { graph: made, values } = graph([["variable", [1], [7e-4]], ["relu", [0], [1]], ["sum", [1], []]]);
  assert.equal(page.diagnose(page.derivatives(made, values, page.sweep(made, values, null).grads)[0]), null);
});

test("columns alone tell the pattern", () => {
  const dual = [1, -2, 0.5];
  const say = (tape, more = {}) => page.diagnose({ numeric: dual, dual, tape, ...more })?.key ?? null;
  assert.equal(say(dual), null);
  assert.equal(say([-1, 2, -0.5]), "sign");
  assert.equal(say([2, -4, 1]), "twice");
  assert.equal(say([0, 0, 0]), "nothing");
  assert.equal(say([1, -2, NaN]), "unwritten");
  assert.equal(say([3, -6, 1.5]), "reduction");
  assert.equal(say([1, -2, 0.6]), "slope");
  assert.equal(say([1, 2, 0.5]), "slope");
  assert.equal(page.diagnose({ numeric: [0, 1], dual: [0, 1], tape: [0.3, 1] }).key, "unmasked");
  assert.equal(page.diagnose({ numeric: [0, 1], dual: [0, 1], tape: [0.3, 2] }).key, "slope");
  assert.equal(page.diagnose({ numeric: [1.1], dual: [1], tape: [1] }).key, "kink");
  assert.equal(say([0.25, -1, 0.3], { parts: [[0.75, -1, 0.2], [0.25, -1, 0.3]] }), "overwritten");
});

test("half of a gradient is told, in one cell as well", () => {
  assert.equal(page.diagnose({ numeric: [2], dual: [2], tape: [1] }).key, "half");
});

test("every diagnosis of the table can be made, and has words", () => {
  const keys = ["kink", "unwritten", "nothing", "sign", "twice", "half", "unmasked", "overwritten", "reduction", "slope"];
  assert.deepEqual(page.DIAGNOSES.map((row) => row[0]), keys);
  for (const row of page.DIAGNOSES) assert.ok(row.length === 3 && row.every((text) => text.length > 2));
});

test("an overwritten gradient is one part of two", () => {
  const seven = examples()[0];
  const broken = page.sweep(seven.graph, seven.values, { node: 6, kind: "set" });
  const right = page.sweep(seven.graph, seven.values, null);
  assert.ok(Math.abs(broken.grads[5][0] - right.grads[5][0] / 2) < 1e-12); // x x: both parts are equal
});

test("where a breakage changes nothing the page says why", () => {
  const seven = examples()[0];
  const at = (node, kind) => {
    const swept = page.sweep(seven.graph, seven.values, { node, kind });
    assert.equal(page.firstWrong(seven.graph, seven.values, swept), null);
    return page.harmless(seven.graph, swept, { node, kind });
  };
  assert.match(at(5, "slope"), /slopes .* are 1/);
  assert.match(at(5, "set"), /first to write/);
  assert.match(at(5, "mean"), /one cell/);
});
