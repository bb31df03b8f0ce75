// The app comes in two parts: what the first does alone, and what becomes of the page without the rest.
import assert from "node:assert/strict";

import { pageTest } from "./harness.mjs";

const REST = "**/*_rest.wasm";
const phone = { viewport: { width: 390, height: 844 } };

for (const [device, options] of Object.entries({ desktop: {}, phone, Russian: { locale: "ru-RU" } })) {
  pageTest(`a first visit is answered by the first part alone: ${device}`, { ...options, isBroken: true }, async ({
    page,
    url,
  }) => {
    let asked = 0;
    // It never comes.
    await page.route(REST, () => {
      asked += 1;
    });
    await page.goto(url);
    await page.locator("html[data-ready]").waitFor();
    // Those that index.html holds stay until they can be looked for.
    assert.equal(await page.locator(".answer .steps[inert] li").count(), 3);
    for (const slot of await page.locator("details.slot > summary").all()) await slot.click();
    await page.getByTestId("slot-use").locator("summary").click();
    const slider = page.getByTestId("context-slider");
    const before = await page.getByTestId("answer").innerText();
    for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "End"]) await slider.press(key);
    await page.waitForFunction(
      (before) => document.querySelector("[data-testid=answer]").innerText !== before,
      before,
    );
    await page.waitForURL(/ctx=/u, { waitUntil: "commit" });
    assert.equal(asked, 1, "what was called could not wait for the rest");
    assert.equal(await page.getByTestId("bill").count(), 0);
  });
}

pageTest("a link like most is answered by the first part alone", { isBroken: true }, async ({ page, url }) => {
  let asked = 0;
  await page.route(REST, () => {
    asked += 1;
  });
  await page.goto(`${url}?model=gpt-oss-120b&hw=rtx-3090*2&quant=MXFP4`);
  await page.locator("html[data-ready]").waitFor();
  await page.getByTestId("answer").waitFor();
  assert.equal(asked, 1);
});

pageTest("what is missing without the rest is told", { isBroken: true }, async ({ page, url }) => {
  await page.route(REST, (route) => route.abort());
  await page.goto(url);
  await page.locator("html[data-rest=missing]").waitFor();
  assert.match(await page.getByRole("alert").innerText(), /could not be loaded/u);
  assert.match(await page.getByTestId("answer").innerText(), /^Yes/u);
});

pageTest("what is called before the rest is here waits for it", {}, async ({ page, url }) => {
  // The load in the background takes its time; a press does not wait for that.
  let free;
  const freed = new Promise((resolve) => {
    free = resolve;
  });
  await page.route(REST, async (route) => {
    if (route.request().resourceType() === "fetch") await freed;
    await route.continue();
  });
  await page.goto(url);
  await page.locator("html[data-ready]").waitFor();
  assert.equal(await page.locator("html[data-rest]").count(), 0);
  await page.locator("details.slot > summary").first().click();
  await page.locator("details.slot[open]").getByRole("combobox").first().pressSequentially("gpt oss 120");
  await page.getByRole("option", { name: /gpt-oss-120b/iu }).first().click();
  await page.locator("html[data-rest=here]").waitFor();
  await page.getByTestId("bill").waitFor();
  assert.match(page.url(), /gpt-oss-120b/u);
  free();
});

pageTest("a question of an engine whose rules are in the rest starts with both parts", {}, async ({ page, url }) => {
  const asked = [];
  page.on("request", (request) => {
    if (request.url().endsWith("_rest.wasm")) asked.push(request.resourceType());
  });
  await page.goto(`${url}?model=qwen3-32b&hw=h100-sxm&engine=vllm&quant=FP8`);
  await page.locator("html[data-ready][data-rest=here]").waitFor();
  assert.deepEqual(asked, ["fetch"]);
});
