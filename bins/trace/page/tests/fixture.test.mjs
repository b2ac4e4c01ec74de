// The fixture that is kept is the one that is made.
import assert from "node:assert/strict";
import test from "node:test";
import { fixture } from "../fixture/make_fixture.mjs";
import { order, page, read } from "./load.mjs";
import { readdirSync } from "node:fs";

/// Lines of sources move when other code changes.
function withoutSources({ examples }) {
  return JSON.parse(JSON.stringify(examples.map((example) => ({ ...example, nodes: example.nodes.map(({ source, ...node }) => ({ ...node, source: source !== null })) }))));
}

test("fixture.json is what make_fixture.mjs writes", () => {
  assert.deepEqual(withoutSources(JSON.parse(read("fixture/fixture.json"))), withoutSources(fixture()));
});

test("recorded values are those that the page computes", () => {
  for (const example of fixture().examples) {
    assert.ok(page.checkedGraph(example).computed);
    const rounded = { ...example, nodes: example.nodes.map((node) => ({ ...node, value: node.value.map(Math.fround) })) };
    assert.ok(page.checkedGraph(rounded).computed, "values in 32 bits");
    const wrong = { ...example, nodes: example.nodes.map((node) => (node.id === example.loss ? { ...node, value: [node.value[0] + 0.01] } : node)) };
    assert.match(page.checkedGraph(wrong).refusals[example.loss], /does not get the recorded value/);
  }
});

test("every script of the folder is in order.txt, once", () => {
  const there = readdirSync(new URL("../", import.meta.url)).filter((name) => name.endsWith(".js"));
  assert.deepEqual([...order].sort(), there.sort());
});
