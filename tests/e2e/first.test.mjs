// What a first visit reads before the app is there.
import assert from "node:assert/strict";

import { draw, read, write } from "./first.mjs";
import { pageTest } from "./harness.mjs";

pageTest("index.html holds the answer that the page draws", {}, async (headroom) => {
  const pages = {};
  for (const lang of ["en", "ru"]) {
    const tab = await headroom.page.context().newPage();
    await tab.goto(`${headroom.url}?lang=${lang}`);
    await tab.getByTestId("steps").waitFor();
    pages[lang] = tab;
  }
  const drawn = await draw(pages);
  if (process.env.HEADROOM_BLESS) write(drawn);
  const held = read();
  for (const part of ["html", "css"]) {
    assert.equal(held[part], drawn[part], "HEADROOM_BLESS=1 cargo xtask test --only e2e writes it anew");
  }
});

pageTest("the answer is read without scripts", { javaScriptEnabled: false, isBroken: true }, async ({ page, url }) => {
  await page.goto(url);
  const words = await page.locator("#app").innerText();
  assert.match(words, /Yes: Qwen2\.5-72B-Instruct runs on one RTX PRO 6000/u);
  assert.match(words, /Да: Qwen2\.5-72B-Instruct в Q8_0/u);
  assert.match(words, /tok\/s/u);
  assert.match(words, /needs JavaScript/u);
});

pageTest("only the answer to what is asked is shown", { isBroken: true }, async ({ page, url }) => {
  await page.route("**/*_bg.wasm", () => {});
  const shown = () =>
    page.locator(".first").evaluateAll((all) =>
      all.filter((one) => one.checkVisibility()).map((one) => one.lang),
    );
  for (const [query, langs] of Object.entries({
    "": ["en"],
    "?lang=ru&theme=dark": ["ru"],
    "?model=qwen3-8b": [],
    "?embed=1": [],
  })) {
    await page.goto(`${url}${query}`, { waitUntil: "commit" });
    await page.locator(".progress").waitFor({ state: "attached" });
    await page.waitForFunction(() => document.readyState !== "loading");
    assert.deepEqual(await shown(), langs, query);
  }
});

for (const [device, viewport] of Object.entries({
  desktop: { width: 1366, height: 768 },
  phone: { width: 390, height: 844 },
})) {
  pageTest(`the app takes the answer over without a shift: ${device}`, { viewport, isAlone: true }, async (headroom) => {
    await headroom.page.addInitScript(() => {
      self.shift = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) self.shift += entry.value;
      }).observe({ type: "layout-shift", buffered: true });
    });
    // Drawn first, then taken over.
    await headroom.page.route("**/*_bg.wasm", async (route) => {
      await new Promise((done) => setTimeout(done, 500));
      await route.continue();
    });
    await headroom.open("", { folded: true });
    await headroom.part("steps").waitFor();
    const shift = await headroom.page.evaluate(() => self.shift);
    console.log(`${device}: layout shift ${shift.toFixed(4)}`);
    assert.ok(shift < 0.02, `a shift of ${shift}`);
  });

  pageTest(`the answer is wholly on the first screen: ${device}`, { viewport }, async (headroom) => {
    await headroom.open("", { folded: true });
    await headroom.part("steps").waitFor();
    const card = await headroom.page.locator(".answer-card").boundingBox();
    const end = card.y + card.height;
    console.log(`${device}: the card ends at ${Math.round(end)} of ${viewport.height}`);
    assert.ok(end <= viewport.height, `it ends at ${end}`);
  });
}
