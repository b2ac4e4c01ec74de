// A browser without a window, driven through the pipe of its developer tools: real mouse, keys and touches.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/// The first browser of these names that is found, or null.
export function browserPath() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome"];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync) ?? null;
}

const KEYS = { ArrowLeft: 37, ArrowUp: 38, ArrowRight: 39, ArrowDown: 40, Home: 36, End: 35, Enter: 13, Tab: 9, " ": 32, Escape: 27 };

export class Browser {
  #next = 1;
  #waiting = new Map();
  #rest = "";
  #events = [];

  static async start() {
    const browser = new Browser();
    browser.folder = mkdtempSync(join(tmpdir(), "trace-page-"));
    browser.process = spawn(browserPath(), [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe",
      "--user-data-dir=" + join(browser.folder, "profile"), "about:blank",
    ], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    browser.process.stdio[4].on("data", (data) => browser.#read(data.toString("utf8")));
    const { targetInfos } = await browser.send("Target.getTargets");
    const { targetId } = targetInfos.find((target) => target.type === "page");
    browser.session = (await browser.send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
    for (const domain of ["Page", "Runtime", "Network", "Log"]) await browser.send(domain + ".enable");
    return browser;
  }

  #read(text) {
    const parts = (this.#rest + text).split("\0");
    this.#rest = parts.pop();
    for (const part of parts) {
      const message = JSON.parse(part);
      if (message.id === undefined) {
        this.#events.push(message);
        continue;
      }
      const { resolve, reject } = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error) reject(new Error(message.error.message));
      else resolve(message.result);
    }
  }

  send(method, params = {}) {
    const id = this.#next++;
    const message = { id, method, params, ...(this.session ? { sessionId: this.session } : {}) };
    this.process.stdio[3].write(JSON.stringify(message) + "\0");
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /// Opens a page given as text.
  async open(html, { width, height = 900, dark = false, touch = false, calm = false, scale = 1 }) {
    const file = join(this.folder, "page.html");
    writeFileSync(file, html);
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile: touch });
    await this.send("Emulation.setTouchEmulationEnabled", { enabled: touch });
    await this.send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }, { name: "prefers-reduced-motion", value: calm ? "reduce" : "no-preference" }],
    });
    this.#events = [];
    await this.send("Page.navigate", { url: "file://" + file });
    for (let i = 0; i < 400 && !this.#events.some((e) => e.method === "Page.loadEventFired"); i++) await sleep(25);
  }

  /// The value of an expression in the page; promises are awaited.
  async eval(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /// Text of the first element of a selector.
  text(selector) {
    return this.eval("document.querySelector(" + JSON.stringify(selector) + ")?.textContent");
  }

  async #at(selector) {
    // A touch while the page scrolls ends the scrolling and is no click.
    await this.eval(`(async () => {
      for (let still = 0, last = scrollY; still < 2; last = scrollY) {
        await new Promise(requestAnimationFrame);
        still = scrollY === last ? still + 1 : 0;
      }
    })()`);
    const at = await this.eval(`(() => {
      const element = document.querySelector(${JSON.stringify(selector)});
      if (!element) return null;
      const covered = () => {
        const box = element.getBoundingClientRect();
        const x = box.left + box.width / 2, y = box.top + box.height / 2;
        const top = document.elementFromPoint(x, y);
        return top && (element === top || element.contains(top) || top.contains(element)) ? { x, y } : null;
      };
      const seen = covered();
      if (seen) return seen;
      element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
      return covered();
    })()`);
    if (!at) throw new Error("nothing to click at " + selector);
    return at;
  }

  async click(selector) {
    const { x, y } = await this.#at(selector);
    for (const type of ["mouseMoved", "mousePressed", "mouseReleased"]) {
      await this.send("Input.dispatchMouseEvent", { type, x, y, button: type === "mouseMoved" ? "none" : "left", clickCount: 1 });
    }
  }

  async hover(selector) {
    const { x, y } = await this.#at(selector);
    await this.send("Input.dispatchMouseEvent", { type: "mouseMoved", x: x - 1, y });
    await this.send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y });
  }

  async tap(selector) {
    const { x, y } = await this.#at(selector);
    await this.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x, y }] });
    await this.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    await sleep(50);
  }

  async key(key, modifiers = 0) {
    const code = { key, code: key === " " ? "Space" : key, windowsVirtualKeyCode: KEYS[key], modifiers };
    await this.send("Input.dispatchKeyEvent", { type: key === "Enter" || key === " " ? "keyDown" : "rawKeyDown", text: key === "Enter" ? "\r" : key === " " ? " " : undefined, ...code });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...code });
  }

  /// Types text where the focus is, in place of what is selected there.
  async type(text) {
    await this.eval("document.activeElement.select && document.activeElement.select()");
    await this.send("Input.insertText", { text });
  }

  /// Chooses an option of a select as its list would.
  choose(selector, value) {
    return this.eval(`(() => { const s = document.querySelector(${JSON.stringify(selector)}); s.value = ${JSON.stringify(String(value))};
      s.dispatchEvent(new Event("change", { bubbles: true })); return s.value; })()`);
  }

  /// Errors of scripts and of the policy, and addresses other than the file that were asked for.
  complaints() {
    return this.#events.flatMap(({ method, params }) => {
      if (method === "Runtime.exceptionThrown") return [params.exceptionDetails.exception?.description ?? params.exceptionDetails.text];
      if (method === "Log.entryAdded" && params.entry.level === "error") return [params.entry.text];
      if (method === "Network.requestWillBeSent" && !params.request.url.startsWith("file://")) return ["asked for " + params.request.url];
      return [];
    });
  }

  async screenshot(full = true) {
    const { data } = await this.send("Page.captureScreenshot", { format: "png", captureBeyondViewport: full });
    return Buffer.from(data, "base64");
  }

  async close() {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    await this.send("Browser.close").catch(() => {});
    await ended;
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
