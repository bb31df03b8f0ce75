// What every test of the page shares: one browser, one host, a fresh page for each test, and the
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
 * A test on a page of its own. `options` are Playwright's for a browser context (`locale`,
 * `viewport`, `colorScheme`, ...). The test also fails on any error in the console, uncaught
 * exception or failed request, unless the page `isBroken` for it.
 */
export function pageTest(name, { isBroken = false, ...options }, act) {
  test(name, { timeout: 60_000 }, async () => {
    const context = await browser.newContext({
      locale: "en-GB",
      permissions: ["clipboard-read", "clipboard-write"],
      ...options,
    });
    context.setDefaultTimeout(10_000);
    const wrong = [];
    context.on("console", (message) => {
      if (message.type() === "error") wrong.push(message.text());
    });
    context.on("weberror", (error) => wrong.push(String(error.error())));
    context.on("requestfailed", (request) => wrong.push(`${request.url()} failed`));
    context.on("response", (response) => {
      if (response.status() >= 400) wrong.push(`${response.url()}: ${response.status()}`);
    });
    try {
      await act(new HeadroomPage(await context.newPage(), host.url)).catch((error) => {
        // What went wrong in the page is why the test could not go on.
        if (wrong.length > 0) error.message += `\nErrors in the browser:\n${wrong.join("\n")}`;
        throw error;
      });
      if (!isBroken) assert.deepEqual(wrong, [], "errors in the browser");
    } finally {
      await context.close();
    }
  });
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
