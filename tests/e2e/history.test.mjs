// The address bar follows every choice; back and forward walk through them.
import assert from "node:assert/strict";

import { pageTest } from "./harness.mjs";

pageTest("back and forward walk through the choices", {}, async (headroom) => {
  const { page } = headroom;
  await headroom.open();
  const steps = [{ query: headroom.query, table: await headroom.readTable() }];
  const step = async (act) => {
    await act();
    steps.push({ query: headroom.query, table: await headroom.readTable() });
  };
  await step(() => headroom.pickDevice("4090", "rtx-4090"));
  await step(() => headroom.part("kv-select").selectOption("Q8_0"));
  assert.equal(new Set(steps.map(({ query }) => query)).size, 3);
  assert.notDeepEqual(steps[0].table, steps[1].table);
  assert.notDeepEqual(steps[1].table, steps[2].table);

  for (const { query, table } of [steps[1], steps[0]]) {
    await page.goBack();
    assert.equal(headroom.query, query);
    assert.deepEqual(await headroom.readTable(), table);
  }
  for (const { query, table } of [steps[1], steps[2]]) {
    await page.goForward();
    assert.equal(headroom.query, query);
    assert.deepEqual(await headroom.readTable(), table);
  }
});

pageTest("dragging the context leaves one entry in the history", { isAlone: true }, async (headroom) => {
  const { page } = headroom;
  await headroom.open();
  const before = await headroom.readTable();
  const entries = await page.evaluate(() => history.length);
  await headroom.part("context-slider").focus();
  for (let press = 0; press < 5; press += 1) await page.keyboard.press("ArrowLeft");
  await page.waitForURL(/[?&]ctx=\d+/u);
  assert.equal(await page.evaluate(() => history.length), entries);
  const after = await headroom.readTable();
  // What is partly in RAM fills the device at any context.
  const wholes = after.map((cell, at) => [cell, before[at]]).filter(([{ verdict }]) => verdict === "fits");
  assert.ok(wholes.length > 0 && wholes.every(([now, then]) => now.bytes < then.bytes));
  // The link has the context that is shown.
  const context = new URLSearchParams(headroom.query).get("ctx");
  const shown = await headroom.part("context-input").inputValue();
  assert.equal(shown.replace(/\D/gu, ""), context);
});

// Loading the page again gives up what it still loads.
pageTest("what is typed is in the address at once", { isBroken: true }, async (headroom) => {
  const { page } = headroom;
  await headroom.open();
  await headroom.part("kv-select").selectOption("Q8_0");
  const context = headroom.part("context-input");
  const type = async (text) => {
    await context.fill("");
    await context.pressSequentially(text);
  };
  // Back and forward again, with no time to rest.
  await type("12345");
  await page.evaluate(() => history.back());
  await page.waitForURL((url) => !url.search.includes("12345"));
  await page.goForward();
  assert.match(headroom.query, /ctx=12345/u);
  assert.equal((await context.inputValue()).replace(/\D/gu, ""), "12345");
  // Loaded again.
  await type("23456");
  await page.reload();
  await page.locator("html[data-ready]").waitFor();
  await headroom.unfold();
  assert.equal((await context.inputValue()).replace(/\D/gu, ""), "23456");
  // However fast it changes, the browser is not asked too often, and the last is kept. Counted in one
  // moment: later the page may write what waits, and after a spell it may write as often again.
  const writes = await page.evaluate(() => {
    let count = 0;
    const write = history.replaceState.bind(history);
    history.replaceState = (...args) => { count += 1; return write(...args); };
    const [clock, now] = [Date.now, Date.now()];
    Date.now = () => now;
    const input = document.querySelector("[data-testid=context-input]");
    for (let n = 0; n < 200; n += 1) {
      input.value = String(30_000 + n);
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
    Date.now = clock;
    return count;
  });
  assert.ok(writes <= 40, `${writes} writes`);
  await page.waitForURL(/ctx=30199/u);
});
