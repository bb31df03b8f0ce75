// A table of many models is answered over several frames, from the top.
import assert from "node:assert/strict";

import { models, pageTest } from "./harness.mjs";

const MODELS = models().slice(0, 120);
const ASKED = `?model=${MODELS.join(",")}&hw=rtx-4090*2&quant=Q8_0,Q4_K_M`;

/** The table once it no longer changes. */
async function settled(headroom) {
  for (let before = null; ; ) {
    const table = JSON.stringify(await headroom.readTable());
    if (table === before) return JSON.parse(table);
    before = table;
    await headroom.page.waitForTimeout(200);
  }
}

pageTest("a long table follows the question from the top", {}, async (headroom) => {
  const { page } = headroom;
  await headroom.open(ASKED);
  const before = await settled(headroom);
  assert.equal(before.length, 2 * MODELS.length);

  // What changes in the frame of the key, and after it.
  const slider = headroom.part("context-slider");
  await slider.focus();
  await page.evaluate(() => {
    const bytes = () => [...document.querySelectorAll("[data-testid=cell]")].map((c) => c.dataset.bytes);
    const first = bytes();
    addEventListener("input", () => {
      requestAnimationFrame(() => {
        window.changedAtOnce = bytes().map((now, at) => now !== first[at]);
      });
    }, { once: true });
  });
  await page.keyboard.press("ArrowLeft");
  const after = await settled(headroom);
  const atOnce = await page.evaluate(() => window.changedAtOnce);
  const followed = atOnce.filter((_, at) => after[at].bytes !== before[at].bytes);
  assert.ok(followed[0], "the first that changes follows at once");
  assert.ok(followed.length > 0 && !followed.at(-1), "the last that changes follows later");

  // In the end it is what is answered to the new question in the first place.
  const again = await headroom.openTab(headroom.query);
  assert.deepEqual(await settled(again), after);

  // Other columns never show what was asked before.
  await headroom.open(headroom.query.replace(/quant=[^&]*/u, "quant=Q6_K"));
  const other = await settled(headroom);
  assert.deepEqual(new Set(other.map(({ quant }) => quant)), new Set(["Q6_K"]));
});
