// Every look of the page is accessible and fits its window.
import assert from "node:assert/strict";

import { assertAccessible, pageTest } from "./harness.mjs";

const WIDTHS = {
  desktop: { width: 1280, height: 900 },
  phone: { width: 390, height: 844 },
  "narrow phone": { width: 320, height: 640 },
};

/** What has been measured of one model, and a machine that nothing was measured on. */
const MEASURED =
  "?model=qwen3-32b&hw=rtx-3090*2;arc-b580*2&quant=Q4_K_M&engine=llama.cpp,vllm&cell=0.0.0" +
  "&measured=rtx-3090*2/llama.cpp/qwen3-32b/Q4_K_M/tg:20";

/** What a theme may spoil; all else of a page is the same in each. */
const COLOURS = { runOnly: ["color-contrast", "link-in-text-block"] };

/** Fails if axe finds anything in either theme, if the page scrolls sideways or a target is too small
 * to hit. */
async function assertLooksRight(headroom, view) {
  const { page } = headroom;
  await assertAccessible(headroom);
  assert.ok((await headroom.overflow()) <= 0, `${view} scrolls sideways`);
  assert.deepEqual(await headroom.smallTargets(), [], `${view}: targets under 24 pixels`);
  // Where colours are forced, themes are contexts of their own.
  if (await page.evaluate(() => matchMedia("(forced-colors: active)").matches)) return;
  const background = () => getComputedStyle(document.documentElement).backgroundColor;
  const light = await page.evaluate(background);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForFunction(
    (light) => getComputedStyle(document.documentElement).backgroundColor !== light,
    light,
  );
  await assertAccessible(headroom, COLOURS);
  await page.emulateMedia({ colorScheme: "light" });
}

/** Opens all that is folded. */
async function unfold(headroom) {
  await headroom.page.locator("details").evaluateAll((all) => {
    for (const details of all) details.open = true;
  });
  await headroom.part("chart-frontier").locator("path").first().waitFor({ state: "attached" });
}

async function assertViewsLookRight(headroom) {
  await headroom.open(MEASURED);
  await unfold(headroom);
  await assertLooksRight(headroom, "the answer with its charts");
  await headroom.tab("speed");
  await assertLooksRight(headroom, "a speed that was measured");
  await headroom.open("?model=qwen3-72b&ctx=0&rows=model&cols=model");
  await assertLooksRight(headroom, "the page with notices");
  await headroom.open("?view=accuracy,speed");
  await headroom.part("accuracy-case").first().waitFor();
  await assertLooksRight(headroom, "the errors");
}

for (const [device, viewport] of Object.entries(WIDTHS)) {
  for (const locale of ["en-GB", "ru-RU"]) {
    pageTest(`looks right: ${device}, ${locale}`, { viewport, locale }, assertViewsLookRight);
  }
}

for (const colorScheme of ["light", "dark"]) {
  const options = { viewport: WIDTHS.desktop, colorScheme, forcedColors: "active" };
  pageTest(`looks right in forced colours, ${colorScheme}`, options, assertViewsLookRight);
}

pageTest("on paper there is nothing to press", { colorScheme: "dark" }, async (headroom) => {
  await headroom.open(MEASURED);
  await headroom.page.emulateMedia({ media: "print" });
  const controls = headroom.page.locator("button:not(.cell, .sort, .term), select, textarea, [type=range]");
  const shown = await controls.evaluateAll((all) =>
    all.filter((one) => one.checkVisibility()).map((one) => one.outerHTML.slice(0, 120)),
  );
  assert.deepEqual(shown, []);
  for (const part of ["answer", "table", "bill", "chart-memory-context"]) {
    assert.ok(await headroom.part(part).isVisible(), part);
  }
  const paper = await headroom.page.evaluate(
    () => getComputedStyle(document.documentElement).backgroundColor,
  );
  assert.equal(paper, "rgb(255, 255, 255)");
});
