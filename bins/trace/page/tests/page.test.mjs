// The page in a browser: real clicks, keys and touches, and what is shown then.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Browser, browserPath, sleep } from "./browser.mjs";
import { fixture } from "../fixture/make_fixture.mjs";
import { assembled, page } from "./load.mjs";

const skip = browserPath() === null ? "no chromium was found, so the page was not opened" : false;
if (skip) console.log(skip);

/// What reaches beyond the window; what lies in a box that scrolls may be wider.
const WIDER = `(() => {
  const root = document.documentElement, wide = [];
  for (const element of document.body.querySelectorAll("*")) {
    if (element.getBoundingClientRect().right <= root.clientWidth + 0.5) continue;
    const outer = element.closest(".scroll");
    const scrolls = outer && outer !== element && getComputedStyle(outer).overflowX === "auto";
    if (!scrolls) wide.push(element.tagName + "." + element.getAttribute("class"));
  }
  if (root.scrollWidth > root.clientWidth) wide.push("the page");
  return wide;
})()`;

/// Text of SVG nodes that leaves its box, or lies on other text.
const SPILLED = `[...document.querySelectorAll("#graph .node")].flatMap((node) => {
  const box = node.querySelector(".box").getBoundingClientRect();
  return [...node.querySelectorAll("text:not(.tag)")].filter((t) => t.textContent && t.getBoundingClientRect().right > box.right - 1).map((t) => node.dataset.node + " " + t.textContent);
})`;

const near = (shown, x, tolerance = 1e-3) => {
  const read = Number(shown.replace(/−/g, "-"));
  assert.ok(Math.abs(read - x) <= tolerance * Math.max(1, Math.abs(x)), `${shown} is not ${x}`);
};

/// The same tape in this program: values, gradients and the three derivatives after changes of leaves.
function computed(name, changes = []) {
  const graph = page.graphOf(fixture().examples.find((example) => example.name === name));
  const leaves = graph.nodes.map((node) => node.value.slice());
  for (const [node, cell, value] of changes) leaves[node][cell] = value;
  const values = page.forward(graph, leaves);
  const swept = page.sweep(graph, values, null);
  return { graph, values, swept, grads: swept.grads, table: page.derivatives(graph, values, swept.grads) };
}

describe("at other widths", { skip }, () => {
  let browser;
  before(async () => {
    browser = await Browser.start();
  });
  after(() => browser.close());

  for (const width of [320, 600, 800, 901, 1100, 1600, 2400]) {
    test(`${width} pixels: nothing is wider than the window, with a node broken and a question open too`, async () => {
      await browser.open(assembled(fixture()), { width, dark: width % 200 === 0 });
      for (const name of await browser.eval("trace.examples")) {
        await browser.eval(`trace.select("${name}")`);
        assert.deepEqual(await browser.eval(WIDER), [], name);
        assert.deepEqual(await browser.eval(SPILLED), [], name);
        await browser.eval("trace.step(-1)");
        assert.deepEqual(await browser.eval(WIDER), [], name);
        await browser.eval("document.getElementById('break').click()");
        assert.deepEqual(await browser.eval(WIDER), [], name);
        await browser.eval("document.getElementById('quiz-start').click()");
        assert.deepEqual(await browser.eval(WIDER), [], name);
      }
    });
  }

  test("a window that is made narrower or wider is laid out anew", async () => {
    await browser.open(assembled(fixture()), { width: 1400 });
    const size = () => browser.eval("[...document.querySelector('#graph svg').getAttribute('viewBox').split(' ')].map(Number).slice(2)");
    const [wide, low] = await size();
    await browser.send("Emulation.setDeviceMetricsOverride", { width: 360, height: 740, deviceScaleFactor: 1, mobile: false });
    await sleep(200);
    const [narrow, high] = await size();
    assert.ok(wide > low && narrow < high && narrow <= 360);
    assert.deepEqual(await browser.eval(WIDER), []);
  });
});

for (const [width, touch] of [[1400, false], [360, true]]) {
  describe(`at ${width} pixels`, { skip }, () => {
    let browser;
    const html = assembled(fixture());
    const open = (more = {}, data = html) => browser.open(data, { width, height: touch ? 740 : 900, touch, ...more });
    const press = (selector) => (touch ? browser.tap(selector) : browser.click(selector));
    const example = (i) => press(`#examples button:nth-child(${i + 1})`);
    const text = (selector) => browser.text(selector);
    before(async () => {
      browser = await Browser.start();
    });
    after(() => browser.close());

    test("the page opens without errors and asks for no address", async () => {
      await open();
      assert.equal(await text("h1"), "The tape, step by step");
      assert.deepEqual(await browser.eval("trace.examples"), ["seven-nodes", "linear-hill", "xor", "tiny-cnn"]);
      assert.deepEqual(browser.complaints(), []);
    });

    test("nothing is wider than the window, at any step of any example, and text stays in its node", async () => {
      await open();
      for (let i = 0; i < 4; i++) {
        await example(i);
        const positions = Number(await browser.eval("document.getElementById('position').max"));
        await press("#first");
        for (let at = 0; at <= positions; at++) {
          assert.deepEqual(await browser.eval(WIDER), [], `example ${i}, position ${at}`);
          assert.deepEqual(await browser.eval(SPILLED), [], `example ${i}, position ${at}`);
          if (at < positions) await press("#next");
        }
        assert.equal(await text("#where"), "done");
      }
      assert.deepEqual(browser.complaints(), []);
    });

    test("steps go forward in order and backward in reverse, with the source and the arithmetic", async () => {
      await open();
      await press("#first");
      const { graph, values, swept } = computed("seven-nodes");
      for (const node of graph.nodes) {
        assert.equal(await text("#where"), `forward ${node.id + 1} of 7`);
        const shown = await browser.eval("[...document.querySelectorAll('#graph .node')].map((n) => [Number(n.dataset.node), n.querySelector('text.value')?.textContent ?? '', n.getAttribute('class')])");
        for (const [id, value, name] of shown) {
          if (id <= node.id) near(value.slice(2), values[id][0]);
          else assert.equal(value, "", `node ${id} is not recorded yet`);
          assert.equal(name.includes("now"), id === node.id);
        }
        if (node.op !== "variable" && node.op !== "param") {
          assert.match(await text(".source .now"), /^forward .*\.rs:\d+/);
          near((await text(".forward .written")).split(" = ").at(-1), values[node.id][0]);
        }
        await press("#next");
      }
      assert.equal(await text("#where"), "the turn: g = 1");
      for (const [i, step] of swept.steps.entries()) {
        await press("#next");
        assert.equal(await text("#where"), `backward ${i + 1} of ${swept.steps.length}`);
        assert.match(await text("#panel h2"), new RegExp("^#" + step.node + " "));
        assert.match(await text(".source .now"), /^backward .*\.rs:\d+/);
        const [write] = step.writes;
        const words = await text(".backward .written");
        const [, g, slope, part] = words.match(/= \(?([−\d.e]+)\)? × \(?([−\d.e]+)\)? = ([−\d.e]+)$/);
        near(g, step.g[0]);
        near(slope, write.entries[0].slope);
        near(part, write.part[0]);
        assert.match(await text(".backward .kept"), new RegExp("^" + write.how));
        const tags = await browser.eval("[...document.querySelectorAll('#graph .edge.backward')].map((e) => [e.dataset.edge, e.querySelector('text')?.textContent])");
        for (const w of step.writes) {
          const [, tag] = tags.find(([edge]) => edge === `${w.input}-${w.node}-${w.k}`);
          assert.match(tag, new RegExp(w.how + "$"));
        }
      }
      // x is used by node 4, which writes first, and by node 2.
      await press("#last");
      const order = await browser.eval("['0-4-1', '0-2-1'].map((edge) => document.querySelector(`[data-edge='${edge}'] text`).textContent)");
      assert.deepEqual(order, ["1 set", "2 add"]);
      await press("#back");
      assert.equal(await text("#where"), `backward ${swept.steps.length} of ${swept.steps.length}`);
    });

    test("keys step, go to both ends and play", async () => {
      await open();
      await browser.key("Home");
      assert.equal(await text("#where"), "forward 1 of 7");
      await browser.key("ArrowRight");
      await browser.key("ArrowRight");
      assert.equal(await text("#where"), "forward 3 of 7");
      await browser.key("ArrowLeft");
      assert.equal(await text("#where"), "forward 2 of 7");
      await browser.key("End");
      assert.equal(await text("#where"), "done");
      await browser.key(" ");
      assert.equal(await text("#play"), "Pause");
      await sleep(1500);
      assert.equal(await text("#where"), "forward 2 of 7");
      await browser.key(" ");
      assert.equal(await text("#play"), "Play");
      await sleep(1400);
      assert.equal(await text("#where"), "forward 2 of 7");
    });

    test("a leaf is changed by a click and a number: values, gradients and derivatives follow", async () => {
      await open();
      await press("#graph [data-node='1']");
      assert.equal(await browser.eval("document.activeElement.getAttribute('aria-label')"), "w");
      await browser.type("−1,25");
      let now = computed("seven-nodes", [[1, 0, -1.25]]);
      const check = async () => {
        const shown = await browser.eval("[...document.querySelectorAll('#graph .node')].map((n) => [n.querySelector('text.value').textContent, n.querySelector('text.grad').textContent])");
        shown.forEach(([value, grad], id) => {
          near(value.slice(2), now.values[id][0]);
          near(grad.slice(2), now.grads[id][0]);
        });
        const rows = await browser.eval("[...document.querySelectorAll('#derivatives tbody tr')].map((r) => [r.dataset.node, ...[...r.querySelectorAll('td')].map((t) => t.textContent)])");
        for (const [id, numeric, dual, tape] of rows) {
          near(numeric, now.table[id].numeric[0], 1e-5);
          near(dual, now.table[id].dual[0], 1e-5);
          near(tape, now.table[id].tape[0], 1e-5);
        }
        assert.match(await text("#verdict"), /^All three agree/);
      };
      await check();
      assert.match(await text("#loss"), /, was 6.0049$/);
      await browser.key("ArrowUp");
      now = computed("seven-nodes", [[1, 0, -1.15]]);
      await check();
      assert.equal(await browser.eval("document.activeElement.value"), "−1.15");
      await browser.key("ArrowDown");
      await browser.key("ArrowDown");
      now = computed("seven-nodes", [[1, 0, -1.35]]);
      await check();
      await browser.type("no number");
      assert.equal(await browser.eval("document.activeElement.getAttribute('aria-invalid')"), "true");
      await check();
      await press("[data-focus='recorded']");
      now = computed("seven-nodes");
      await check();
    });

    test("arrow keys change a leaf that has the focus in the graph", async () => {
      await open();
      await browser.eval("document.querySelector(\"#graph [data-node='0']\").focus()");
      await browser.key("ArrowUp");
      near(await browser.eval("document.querySelector(\"#graph [data-node='6'] text.value\").textContent.slice(2)"), computed("seven-nodes", [[0, 0, 1.6]]).values[6][0]);
      assert.equal(await browser.eval("document.activeElement.dataset.node"), "0");
      await browser.key("Enter");
      assert.equal(await browser.eval("document.activeElement.className"), "field");
    });

    test("window.trace has the numbers of the three derivatives", async () => {
      await open();
      for (const name of ["seven-nodes", "linear-hill", "xor", "tiny-cnn"]) {
        await browser.eval(`trace.select("${name}")`);
        const leaf = name === "linear-hill" ? 0 : 1;
        await browser.eval(`trace.set(${leaf}, 0, 0.35)`);
        const { table } = computed(name, [[leaf, 0, 0.35]]);
        const shown = await browser.eval("trace.gradients()");
        assert.deepEqual(Object.keys(shown), Object.keys(table));
        for (const [id, row] of Object.entries(table)) {
          for (const column of ["numeric", "dual", "tape"]) {
            row[column].forEach((v, e) => assert.ok(Math.abs(shown[id][column][e] - v) <= 1e-9 * Math.max(1, Math.abs(v)), `${name} ${id} ${column}`));
          }
        }
      }
      await assert.rejects(browser.eval("trace.set(5, 0, 1)"), /no leaf/);
      await assert.rejects(browser.eval("trace.set(0, 99, 1)"), /no cell/);
      await assert.rejects(browser.eval("trace.set(0, 0, NaN)"), /no number/);
      await assert.rejects(browser.eval("trace.breakAt(0, 'sign')"), /no gradient/);
      await assert.rejects(browser.eval("trace.breakAt(5, 'magic')"), /no breakage/);
    });

    test("what is broken turns red, is named, and is mended", async () => {
      await open();
      for (const [kind, words] of [["sign", /^Ratio −1: the sign is wrong/], ["twice", /^Ratio 2: counted twice/], ["nothing", /^Ratio 0: the gradient is not handed on/],
        ["unwritten", /^NaN: an element was never written/], ["set", /^One use's part is missing: = in place of \+=/], ["slope", /: the slope is wrong/]]) {
        const node = kind === "set" ? 2 : 3;
        await browser.choose("#break-node", node);
        await browser.choose("#break-kind", kind);
        if ((await text("#break")) === "Break it") await press("#break");
        assert.match(await text("#verdict"), words);
        assert.match(await text("#verdict"), new RegExp("#" + node + " "));
        assert.ok(await browser.eval("document.querySelectorAll('#derivatives tr.wrong').length > 0"));
        assert.ok(await browser.eval(`document.querySelector("#graph [data-node='${node}']").classList.contains("broken")`));
        const red = await browser.eval("getComputedStyle(document.querySelector('tr.wrong td.tape')).color !== getComputedStyle(document.querySelector('tr.wrong td.dual')).color");
        assert.ok(red);
        if (kind === "set") {
          assert.deepEqual(await browser.eval("['text', 'rect'].map((t) => document.querySelector(`[data-edge='0-2-1'] ${t}.tag.broken`)?.textContent ?? null)"), ["2 set", ""]);
          assert.match(await text(".writes"), /second of 2 uses to write, so it should add, but sets/);
          assert.match(await text(".backward .kept.bad"), /^set, though it had 4.0857 already: the gradient of x is 5.7146$/);
          await press("#patterns summary");
        }
        assert.deepEqual(await browser.eval(WIDER), []);
      }
      await press("#break");
      assert.equal(await browser.eval("document.getElementById('patterns').open"), true, "what was opened stays open");
      assert.equal(await browser.eval("document.querySelectorAll('#derivatives tr.wrong').length"), 0);
      assert.match(await text("#verdict"), /^All three agree/);
      await browser.choose("#break-node", 5);
      await browser.choose("#break-kind", "set");
      await press("#break");
      assert.match(await text("#verdict"), /nothing shows.*first to write/);
      await example(2);
      await browser.choose("#break-node", 12);
      await browser.choose("#break-kind", "mean");
      await press("#break");
      assert.match(await text("#verdict"), /^Ratio 0.25: the reduction/);
    });

    test("a kink is called a kink", async () => {
      const nodes = [
        { id: 0, op: "param", inputs: [], shape: [2], name: "w", value: [0, 1] },
        { id: 1, op: "relu", inputs: [0], shape: [2], value: [0, 1] },
        { id: 2, op: "sum", inputs: [1], shape: [], value: [1] },
      ];
      await open({}, assembled({ version: 1, examples: [{ name: "kink", title: "Kink", loss: 2, nodes }] }));
      assert.match(await text("#verdict"), /For w dual and tape agree, the difference does not: a kink within 2h/);
      assert.equal(await browser.eval("document.querySelectorAll('tr.kink').length"), 1);
      await browser.eval("trace.set(0, 0, 0.01)");
      assert.match(await text("#verdict"), /^All three agree/);
    });

    test("the quiz hides gradients, says right or wrong with the arithmetic, and counts", async () => {
      await open();
      for (const [round, i] of [[0, 0], [1, 2], [2, 3]].entries()) {
        await example(i[1]);
        const name = (await browser.eval("trace.examples"))[i[1]];
        const { grads, graph } = computed(name);
        await press("#quiz-start");
        const [node, cell] = await browser.eval("[document.getElementById('quiz-question').dataset.node, document.getElementById('quiz-question').dataset.cell].map(Number)");
        const shown = await browser.eval("[...document.querySelectorAll('#graph .node')].map((n) => n.querySelector('text.grad').textContent)");
        shown.forEach((grad, id) => {
          if (graph.needs[id]) assert.equal(grad === "g ?", id <= node, `node ${id}, asked ${node}`);
        });
        const cells = await browser.eval("[...document.querySelectorAll('#derivatives tbody td')].map((t) => [Number(t.parentNode.dataset.node), t.textContent])");
        for (const [id, shownCell] of cells) assert.equal(shownCell === "?", id <= node, `row of node ${id}, asked ${node}`);
        assert.deepEqual(await browser.eval(WIDER), []);
        const truth = grads[node][cell];
        await press("#quiz-answer");
        await browser.type(String(Number(truth.toPrecision(4))));
        await browser.key("Enter");
        assert.equal(await text("#quiz-result"), `Right: ${page.fmt(truth)}.`);
        assert.match(await text("#quiz .uses"), /× .* = /);
        assert.equal(await text("#quiz-count"), `${round + 1} of ${2 * round + 1} right`);
        await press("#quiz-next");
        const [next, at] = await browser.eval("[document.getElementById('quiz-question').dataset.node, document.getElementById('quiz-question').dataset.cell].map(Number)");
        await press("#quiz-answer");
        await browser.type(String(Number((grads[next][at] + 1).toPrecision(4))));
        await press("#quiz-check");
        assert.match(await text("#quiz-result"), /^Not .*: it is /);
        assert.equal(await text("#quiz-count"), `${round + 1} of ${2 * round + 2} right`);
        assert.ok(!(await browser.eval("document.querySelector('#graph').textContent")).includes("g ?"));
        await press("[data-focus='quiz-stop']");
      }
    });

    test("a cell of a product shows its row and its column, a cell of dW shows x^T g", async () => {
      await open();
      await example(2);
      const { values, swept } = computed("xor");
      await press("#graph [data-node='6']");
      const show = async (selector) => (touch ? browser.tap(selector) : browser.hover(selector));
      await show(".forward .g-y [data-cell='6']");
      const marked = (where) => browser.eval(`[...document.querySelectorAll("${where} .cell.marked")].map((c) => Number(c.dataset.cell))`);
      assert.deepEqual(await marked(".forward .g-0"), [2, 3]); // row 1 of x
      assert.deepEqual(await marked(".forward .g-1"), [2, 6]); // column 2 of W
      assert.deepEqual(await marked(".forward .g-2"), [2]);
      const sum = await text(".forward .written");
      assert.equal(sum, "y[1, 2] = 0 × 0.7 + 1 × 0.6 + (−0.6) = 0");
      near(sum.split(" = ").at(-1), values[6][6]);
      const step = swept.steps.find((s) => s.node === 6), w = step.writes.findIndex((write) => write.input === 0);
      await show(`.backward .g-part:nth-of-type(1) [data-cell='5']`);
      assert.deepEqual(await marked(".backward .g-0"), [1, 3, 5, 7]); // column 1 of x
      assert.deepEqual(await marked(".backward .g-g"), [1, 5, 9, 13]); // column 1 of g
      const words = await text(".backward .written");
      assert.equal(words, "dW[1, 1] = " + step.g.filter((_, o) => o % 4 === 1).map((g, i) => page.piecesText([page.factor("g", g)]) + " × " + values[4][2 * i + 1]).join(" + ") + " = " + page.fmt(step.writes[w].part[5]));
      assert.match(words, /^dW\[1, 1\]/);
      if (!touch) {
        // Arrow keys move from cell to cell.
        await browser.click(".forward .g-y [data-cell='0']");
        await browser.key("ArrowDown");
        assert.match(await text(".forward .written"), /^y\[1, 0\]/);
        await browser.key("ArrowRight");
        assert.match(await text(".forward .written"), /^y\[1, 1\]/);
        assert.equal(await text("#where"), "done");
      }
    });

    test("a cell of a convolution shows its window and its kernel", async () => {
      await open();
      await example(3);
      await press("#graph [data-node='5']");
      const show = async (selector) => (touch ? browser.tap(selector) : browser.hover(selector));
      await show(".forward .g-y [data-cell='21']"); // picture 0, channel 1, row 1, column 1
      const marked = (where) => browser.eval(`[...document.querySelectorAll("${where} .cell.marked")].map((c) => Number(c.dataset.cell))`);
      assert.deepEqual(await marked(".forward .g-0"), [7, 8, 9, 13, 14, 15, 19, 20, 21]);
      assert.deepEqual(await marked(".forward .g-1"), [9, 10, 11, 12, 13, 14, 15, 16, 17]);
      near((await text(".forward .written")).split(" = ").at(-1), computed("tiny-cnn").values[5][21]);
      await show(".backward .g-part [data-cell='4']");
      assert.equal((await marked(".backward .g-g")).length, 32); // both pictures, channel 0
      assert.equal((await marked(".backward .g-0")).length, 32);
    });

    test("an operation that the page does not know is shown, and nothing can be changed", async () => {
      const data = fixture();
      const [seven] = data.examples;
      seven.nodes[3].op = "swish";
      await open({}, assembled({ ...data, examples: [seven] }));
      assert.match(await text("#said"), /does not compute the operation swish/);
      await press("#graph [data-node='3']");
      assert.match(await text("#panel"), /does not compute the operation swish.*nothing of this example can be changed/);
      near(await browser.eval("document.querySelector(\"#graph [data-node='3'] text.value\").textContent.slice(2)"), seven.nodes[3].value[0]);
      await press("#graph [data-node='0']");
      assert.equal(await browser.eval("document.querySelectorAll('input.field').length"), 0);
      await assert.rejects(browser.eval("trace.set(0, 0, 1)"), /does not compute/);
      assert.deepEqual(await browser.eval("trace.gradients()"), {});
      await press("#first");
      await press("#next");
      assert.equal(await text("#where"), "forward 2 of 7");
      assert.deepEqual(browser.complaints(), []);
    });

    test("a recorded value that the page does not get is said, and nothing is computed", async () => {
      const data = fixture();
      const [seven] = data.examples;
      seven.nodes[4].value = [1.3];
      await open({}, assembled({ ...data, examples: [seven] }));
      assert.match(await text("#said"), /does not get the recorded value of #4 mul/);
      assert.equal(await browser.eval("document.querySelector(\"#graph [data-node='4'] text.value\").textContent"), "= 1.3");
      assert.deepEqual(await browser.eval("trace.gradients()"), {});
      seven.nodes[4].value = [Math.fround(seven.nodes[3].value[0] * 1.5)];
      await open({}, assembled({ ...data, examples: [seven] }));
      assert.match(await text("#said"), /^Done/);
      seven.nodes[2].constants = {};
      Object.assign(seven.nodes[2], { op: "matmul" });
      await open({}, assembled({ ...data, examples: [seven] }));
      assert.match(await text("#said"), /does not get the recorded value of #2 matmul/);
      assert.deepEqual(browser.complaints(), []);
    });

    test("hostile names are text", async () => {
      const data = fixture();
      const evil = "</script><img src=x onerror=\"document.title='taken'\"><b>\u202egnp";
      for (const e of data.examples) {
        e.title = evil;
        e.about = evil;
        for (const node of e.nodes) Object.assign(node, { name: evil, scope: evil, doc: evil, derivative: evil, source: node.source && { ...node.source, file: evil, forward: { line: 1, text: evil }, backward: { line: 1, text: evil } } });
      }
      await open({}, assembled(data));
      for (let i = 0; i < 4; i++) {
        await example(i);
        await browser.eval("trace.step(-2)");
        assert.deepEqual(await browser.eval(WIDER), []);
        await browser.eval("trace.breakAt(Number(document.getElementById('break-node').value), 'sign')");
        await press("#quiz-start");
      }
      assert.equal(await browser.eval("document.title"), "The tape, step by step");
      assert.equal(await browser.eval("document.querySelectorAll('img, header b b').length"), 0);
      assert.ok(!(await browser.eval("document.body.innerText")).includes("\u202e"));
      assert.deepEqual(browser.complaints(), []);
    });

    test("data that is no tape is refused in one sentence", async () => {
      const broken = (change) => {
        const data = fixture();
        change(data);
        return assembled(data);
      };
      for (const [change, words] of [
        [(d) => { d.version = 2; }, /version 2; this page reads version 1/],
        [(d) => { d.examples = []; }, /no examples/],
        [(d) => { d.examples[0].nodes[2].inputs = [5]; }, /input of node 2 comes after it/],
        [(d) => { d.examples[0].nodes[2].value = [1, 2]; }, /not as many values/],
        [(d) => { d.examples[0].loss = 99; }, /loss is not a single number/],
      ]) {
        await open({}, broken(change));
        assert.match(await text("main"), words);
      }
    });

    test("text has contrast in light and dark, focus can be seen, motion is left out where it is not wanted", async () => {
      for (const dark of [false, true]) {
        await open({ dark, calm: true });
        const low = await browser.eval(`(() => {
          const probe = document.createElement("span");
          document.body.append(probe);
          const rgb = (name) => { probe.style.color = "var(" + name + ")"; return getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number); };
          const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          const contrast = (a, b) => { const [x, y] = [light(rgb(a)), light(rgb(b))].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
          const pairs = [["--ink", "--ground"], ["--ink", "--card"], ["--soft", "--card"], ["--soft", "--ground"], ["--soft", "--faint"], ["--ink", "--faint"], ["--value", "--card"], ["--value", "--ground"], ["--value", "--faint"], ["--value", "--value-ground"],
            ["--grad", "--card"], ["--grad", "--ground"], ["--grad", "--grad-ground"], ["--grad", "--set-ground"], ["--grad", "--add-ground"], ["--set", "--set-ground"], ["--add", "--add-ground"], ["--bad", "--card"], ["--bad", "--bad-ground"], ["--ink", "--bad-ground"], ["--soft", "--bad-ground"],
            ["--k0", "--k0-ground"], ["--k1", "--k1-ground"], ["--k2", "--k2-ground"], ["--k0", "--card"], ["--k1", "--card"], ["--k2", "--card"], ["--ink", "--k0-ground"], ["--ink", "--k1-ground"], ["--ink", "--k2-ground"], ["--card", "--bad"], ["--card", "--value"]];
          const low = pairs.filter(([a, b]) => contrast(a, b) < 4.5).map(([a, b]) => a + " on " + b + ": " + contrast(a, b).toFixed(2));
          probe.remove();
          return low;
        })()`);
        assert.deepEqual(low, [], dark ? "dark" : "light");
        await browser.eval("document.getElementById('play').focus()");
        await browser.key("Tab");
        const outline = await browser.eval("getComputedStyle(document.activeElement).outlineStyle + ' ' + getComputedStyle(document.activeElement).outlineWidth");
        assert.equal(outline, "solid 3px");
        assert.equal(await browser.eval("getComputedStyle(document.querySelector('.node .box')).transitionDuration"), "0s");
      }
    });

    test("every control can be reached by Tab, and has a name", async () => {
      await open();
      const names = new Set();
      await browser.eval("document.body.focus()");
      for (let i = 0; i < 60; i++) {
        await browser.key("Tab");
        const name = await browser.eval("(() => { const a = document.activeElement; return a === document.body ? null : (a.id || a.dataset.focus || a.getAttribute('aria-label') || a.textContent).slice(0, 60); })()");
        if (name === null) break;
        assert.ok(name.trim().length > 0);
        names.add(name);
      }
      for (const wanted of ["node0", "node6", "back", "play", "w", "break-node", "break-kind", "break", "quiz-start", "row0-0"]) {
        assert.ok([...names].some((name) => name === wanted || (wanted === "w" && name === "x")), `${wanted} is not reached: ${[...names]}`);
      }
    });
  });
}
