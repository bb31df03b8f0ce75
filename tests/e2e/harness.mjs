// What every test of the page shares: one browser, one host, a page as it was never visited, and the
// demand that nothing goes wrong unseen.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { launch } from "./browser.mjs";
import { HeadroomPage } from "./headroom-page.mjs";
import { axe } from "./packages.mjs";
import { serve } from "./server.mjs";

let browser;
let host;
before(async () => {
  [browser, host] = await Promise.all([launch(), serve()]);
});
after(async () => {
  await browser?.close();
  await host?.close();
});

/**
 * A test on a page that nobody visited yet. `options` are Playwright's for a browser context
 * (`locale`, `viewport`, `colorScheme`, ...). The test also fails on any error in the console,
 * uncaught exception or failed request, unless the page `isBroken` for it.
 *
 * The tests of a file pass their page on to the next with the same options, as most of what opening
 * it costs is starting a browser's process and compiling the app. One that prepares its page before
 * it opens, or counts what it leaves behind, `isAlone`.
 */
export function pageTest(name, { isBroken = false, isAlone = isBroken, ...options }, act) {
  test(name, { timeout: 60_000 }, async () => {
    const key = JSON.stringify(options);
    const kept = (isAlone ? undefined : tabs.get(key)) ?? await Tab.open(options);
    tabs.delete(key);
    kept.wrong.length = 0;
    let passed = false;
    try {
      await act(new HeadroomPage(kept.page, host.url)).catch((error) => {
        // What went wrong in the page is why the test could not go on.
        if (kept.wrong.length > 0) {
          error.message += `\nErrors in the browser:\n${kept.wrong.join("\n")}`;
        }
        throw error;
      });
      if (!isBroken) assert.deepEqual(kept.wrong, [], "errors in the browser");
      passed = true;
    } finally {
      if (passed && !isAlone && !tabs.has(key)) {
        await kept.forget();
        tabs.set(key, kept);
      } else {
        await kept.context.close();
      }
    }
  });
}

/** Tabs that tests left, by the options that they were opened with. */
const tabs = new Map();

/** A tab of the browser, in a context of its own. */
class Tab {
  /** What went wrong in it. */
  wrong = [];

  static async open(options) {
    const tab = new Tab();
    const context = await browser.newContext({
      locale: "en-GB",
      permissions: ["clipboard-read", "clipboard-write"],
      ...options,
    });
    context.setDefaultTimeout(10_000);
    context.on("console", (message) => {
      if (message.type() === "error") tab.wrong.push(message.text());
    });
    context.on("weberror", (error) => tab.wrong.push(String(error.error())));
    context.on("requestfailed", (request) => tab.wrong.push(`${request.url()} failed`));
    context.on("response", (response) => {
      if (response.status() >= 400) tab.wrong.push(`${response.url()}: ${response.status()}`);
    });
    return Object.assign(tab, { context, page: await context.newPage() });
  }

  /** Leaves nothing of what a test did in it. */
  async forget() {
    const { context, page } = this;
    await Promise.all(context.pages().map((other) => other === page || other.close()));
    await page.unrouteAll();
    const devtools = await context.newCDPSession(page);
    const { origin } = new URL(host.url);
    // All but what is cached of files.
    const storageTypes = "cookies,local_storage,indexeddb,service_workers,cache_storage";
    await page.goto("about:blank");
    await devtools.send("Storage.clearDataForOrigin", { origin, storageTypes });
    await devtools.detach();
    await page.emulateMedia({ media: null });
  }
}

/** What the command line answers to `query`. */
export function estimate(query) {
  return JSON.parse(headroom("estimate", query));
}

/** The plan that the command line writes for `query`. */
export function plan(query) {
  return JSON.parse(headroom("plan", query, "--format", "json"));
}

/** What a GGUF file of a model holds. */
export function tensors(model, quant) {
  return JSON.parse(headroom("tensors", model, quant));
}

/** The ids of all models in the catalogue. */
export function models() {
  return headroom("models").trim().split("\n");
}

/** The ids of all devices in the catalogue. */
export function devices() {
  return headroom("devices").trim().split("\n");
}

function headroom(...args) {
  const { HEADROOM_BIN } = process.env;
  assert.ok(HEADROOM_BIN, "HEADROOM_BIN names the command line; `cargo xtask test` sets it");
  return execFileSync(HEADROOM_BIN, args, { encoding: "utf8" });
}

/** Fails if axe finds anything in the page as it stands. */
export async function assertAccessible(headroom, options = {}) {
  // Evaluated, not added as a script: the page's own policy forbids inline scripts.
  if (!(await headroom.page.evaluate(() => "axe" in window))) {
    await headroom.page.evaluate(await readFile(axe, "utf8"));
  }
  const { violations } = await headroom.page.evaluate((options) => window.axe.run(options), options);
  const found = violations.map(({ id, help, nodes }) => ({
    rule: `${id}: ${help}`,
    where: nodes.map((node) => node.html.slice(0, 200)),
  }));
  assert.deepEqual(found, [], "accessibility");
}
