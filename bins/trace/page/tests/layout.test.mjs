// The layout: no node on another, none on an edge, inputs before outputs.
import assert from "node:assert/strict";
import test from "node:test";
import { fixture } from "../fixture/make_fixture.mjs";
import { page } from "./load.mjs";

function overlap(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function check(nodes, down, what) {
  const sizes = nodes.map((node, i) => [100 + (i % 3) * 10, 70 + (i % 4) * 12]);
  const plan = page.layout(nodes, sizes, { down, along: 40, across: 16, portGap: 20 });
  plan.boxes.forEach((box, i) => {
    assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= plan.width && box.y + box.height <= plan.height, `${what}: node ${i} is outside`);
    plan.boxes.slice(i + 1).forEach((other, j) => assert.ok(!overlap(box, other), `${what}: nodes ${i} and ${i + 1 + j} overlap`));
  });
  for (const { from, to, points } of plan.edges) {
    const axis = down ? 1 : 0;
    for (let i = 1; i < points.length; i++) assert.ok(points[i][axis] >= points[i - 1][axis] - 1e-9, `${what}: edge ${from} to ${to} turns back`);
    const [start, end] = [plan.boxes[from], plan.boxes[to]];
    const near = ([x, y], box) => x >= box.x - 1e-6 && x <= box.x + box.width + 1e-6 && y >= box.y - 1e-6 && y <= box.y + box.height + 1e-6;
    assert.ok(near(points[0], start) && near(points[points.length - 1], end), `${what}: edge ${from} to ${to} does not meet its nodes`);
    // Pieces inside a layer are straight, and pass no other node.
    for (let i = 1; i < points.length; i++) {
      for (let s = 0; s <= 8; s++) {
        const at = points[i].map((v, d) => points[i - 1][d] + ((v - points[i - 1][d]) * s) / 8);
        plan.boxes.forEach((box, id) => {
          const inside = at[0] > box.x + 1 && at[0] < box.x + box.width - 1 && at[1] > box.y + 1 && at[1] < box.y + box.height - 1;
          assert.ok(!inside || id === from || id === to, `${what}: edge ${from} to ${to} passes through node ${id}`);
        });
      }
    }
  }
  return plan;
}

for (const example of fixture().examples) {
  for (const down of [false, true]) {
    test(`${example.name}, ${down ? "rows" : "columns"}: no node overlaps another, no edge passes through a node`, () => {
      check(example.nodes, down, example.name);
    });
  }
}

test("random graphs", () => {
  let state = 5;
  const next = (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  for (let round = 0; round < 200; round++) {
    const nodes = Array.from({ length: 3 + next(22) }, (_, id) => ({
      id, inputs: id < 2 || next(4) === 0 ? [] : Array.from({ length: 1 + next(3) }, () => next(id)),
    }));
    check(nodes, round % 2 === 0, `round ${round}`);
  }
});

test("an operation stands behind its inputs, a leaf just before its first use", () => {
  for (const { nodes } of fixture().examples) {
    const depth = page.depthsOf(nodes);
    for (const node of nodes) for (const id of node.inputs) assert.ok(depth[id] < depth[node.id]);
    for (const leaf of nodes.filter((node) => node.inputs.length === 0)) {
      const users = nodes.filter((node) => node.inputs.includes(leaf.id));
      assert.equal(depth[leaf.id], Math.min(...users.map((node) => depth[node.id])) - 1);
    }
  }
});

test("neighbours are spread as near to where they want to be as they can", () => {
  assert.deepEqual(page.spread([0, 10], [5]), [0, 10]);
  assert.deepEqual(page.spread([0, 0], [4]), [-2, 2]);
  assert.deepEqual(page.spread([9, 9], [4], -5, 5), [1, 5]);
  assert.deepEqual(page.spread([-9, 9], [4], -5, 5), [-5, 5]);
  assert.deepEqual(page.spread([5, 0, 0], [1, 1]).map((v) => Math.round(v * 1e9) / 1e9), [2 / 3, 5 / 3, 8 / 3].map((v) => Math.round(v * 1e9) / 1e9));
});

test("the graph of each example fits into windows of 360 and 1400 pixels", () => {
  for (const example of fixture().examples) {
    const graph = page.graphOf(example);
    for (const room of [328, 1330]) {
      const sizes = (width) => graph.nodes.map(() => [width, 80]);
      const plan = page.layout(graph.nodes, sizes(room < 700 ? 90 : 118), { down: room < 700, along: 47, across: 10, portGap: 20, most: room });
      assert.ok(plan.width <= room, `${example.name} is ${plan.width} wide in ${room}`);
    }
  }
});
