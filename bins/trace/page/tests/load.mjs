// The files of the page as one function, without a document: what they define is handed out.
import { readFileSync } from "node:fs";

export const folder = new URL("../", import.meta.url);
export const read = (name) => readFileSync(new URL(name, folder), "utf8");
export const order = read("order.txt").split("\n").filter(Boolean);

/// Everything that needs no document stands before this file.
const engine = order.slice(0, order.indexOf("dom.js")).map(read).join("\n");
const names = [...engine.matchAll(/^(?:const|function) ([A-Za-z0-9_]+)/gm)].map((m) => m[1]);
export const page = new Function(engine + "\nreturn { " + names.join(", ") + " };")();

/// The page as the program writes it: style, script and data in one file.
export function assembled(data) {
  const json = JSON.stringify(data).replace(/</g, "\\u003c");
  return read("page.html")
    .replace("/*STYLE*/", () => read("page.css"))
    .replace("/*SCRIPT*/", () => order.map(read).join("\n"))
    .replace("/*DATA*/", () => json);
}

/// A graph of leaves and operations, written as a list: [op, inputs, shape, constants] or [leaf, shape, values].
export function graph(list) {
  const nodes = list.map((row, id) => {
    if (page.LEAVES.includes(row[0])) {
      return { id, op: row[0], inputs: [], shape: row[1], name: "leaf" + id, scope: "", constants: {}, value: row[2] };
    }
    const [op, inputs, shape, constants = {}] = row;
    return { id, op, inputs, shape, name: "", scope: "", constants, value: new Array(page.sizeOf(shape)).fill(0) };
  });
  const made = page.graphOf({ nodes, loss: nodes.length - 1 });
  const values = page.forward(made, nodes.map((node) => node.value));
  return { graph: made, values };
}
