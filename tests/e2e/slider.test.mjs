// A slider is followed step by step, and what takes long once it rests: then the page is what its
// link opens.
import assert from "node:assert/strict";

import { pageTest } from "./harness.mjs";

/** All that the page says: its words, figures, links and lengths. */
const said = (headroom) =>
  headroom.page.evaluate(() => {
    const kept = /^(data-(?!ready|rest|asked)|href$|style$|title$|aria-(?!controls|labelledby|describedby))/u;
    return [...document.querySelectorAll("body *")].flatMap((element) => {
      const attributes = [...element.attributes].filter(({ name }) => kept.test(name));
      const words = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
      const text = words.map((node) => node.data).join("");
      const value = element.matches("input, select") ? element.value : "";
      return [element.tagName, text, value, ...attributes.map(({ name, value }) => `${name}=${value}`).sort()];
    });
  });

/** The same once it no longer changes. */
async function settled(headroom) {
  for (let before = null; ; ) {
    const now = JSON.stringify(await said(headroom));
    if (now === before) return JSON.parse(now);
    before = now;
    await headroom.page.waitForTimeout(500);
  }
}

/** Moves a slider some steps, faster than it rests. */
async function slide(headroom, slider, key) {
  await headroom.part(slider).focus();
  for (let press = 0; press < 4; press += 1) await headroom.page.keyboard.press(key);
}

const asked = {
  "the memory of the open cell": "?cell=1.0.1",
  "engines and machines": "?model=qwen3-32b&hw=rtx-4090;rtx-3090*2&engine=llama.cpp,vllm&quant=Q4_K_M",
  "its speed": "?model=qwen3-32b&hw=rtx-4090&tab=speed",
  "its service": "?model=qwen3-32b&hw=h100-sxm&engine=vllm&quant=FP8&users=8&tab=serving",
  "its costs": "?model=qwen3-32b&hw=rtx-4090&tab=cost",
  "its plan": "?model=qwen3-32b&hw=rtx-4090&tab=plan",
  "a ranking": "?model=*&hw=rtx-4090&family=qwen",
};
for (const [what, query] of Object.entries(asked)) {
  pageTest(`where a slider rests, the page is what its link opens: ${what}`, {}, async (headroom) => {
    await headroom.open(query);
    const before = await settled(headroom);
    await slide(headroom, "context-slider", "ArrowLeft");
    if (query.includes("serving")) await slide(headroom, "users-slider", "ArrowRight");
    const after = await settled(headroom);
    assert.notDeepEqual(after, before);
    const context = await headroom.part("context-input").first().inputValue();
    assert.match(headroom.query, new RegExp(`ctx=${context.replace(/\D/gu, "")}(&|$)`, "u"));
    const again = await headroom.openTab(headroom.query);
    assert.deepEqual(await settled(again), after);
  });
}

// Leaving the page gives up what it still loads.
pageTest("a slider's steps are one write of the address, and none is lost", { isBroken: true }, async (headroom) => {
  const { page } = headroom;
  await headroom.open();
  const steps = () => page.evaluate(() => {
    const writes = [];
    const write = history.replaceState.bind(history);
    history.replaceState = (...args) => { writes.push(args[2]); return write(...args); };
    const slider = document.querySelector("[data-testid=context-slider]");
    for (let n = 0; n < 20; n += 1) {
      slider.value = String(Number(slider.value) - 1);
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    }
    window.writes = writes;
    return writes.length;
  });
  assert.equal(await steps(), 0);
  await page.waitForURL(/ctx=/u);
  assert.equal(await page.evaluate(() => window.writes.length), 1);
  // A choice that follows at once is an entry of its own, after that of where the slider was.
  await steps();
  await headroom.part("kv-select").selectOption("Q8_0");
  const moved = new URLSearchParams(headroom.query).get("ctx");
  await page.goBack();
  assert.equal(new URLSearchParams(headroom.query).get("ctx"), moved);
  assert.doesNotMatch(headroom.query, /kv=/u);
  // Left before it rests, and come back to.
  await page.evaluate(() => {
    const slider = document.querySelector("[data-testid=context-slider]");
    slider.value = "70";
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    location.assign("embed.js");
  });
  await page.waitForURL(/embed\.js/u);
  await page.goBack();
  assert.match(headroom.query, /ctx=440832/u);
});
