// What a first visit runs: `cargo xtask record` builds the page so that it tells, and writes the list of
// all else, by which the page is divided.
import { writeFileSync } from "node:fs";
import process from "node:process";

import { launch } from "./browser.mjs";
import { serve } from "./server.mjs";

/** Visits differ in what they draw. */
const VISITS = [
  { viewport: { width: 1366, height: 768 }, locale: "en", colorScheme: "light" },
  { viewport: { width: 1366, height: 768 }, locale: "ru", colorScheme: "dark" },
  { viewport: { width: 390, height: 844 }, locale: "en", colorScheme: "dark", hasTouch: true },
];

/** As far as a slider is moved at first, a step at a time. */
const SLIDES = [...Array(6).fill("ArrowRight"), ...Array(3).fill("ArrowLeft")];

/** The functions that ran so far, and all of them, by the globals that xtask-bindgen marks them with. */
function marks(page) {
  return page.evaluate(() => {
    const all = Object.entries(self.marks).filter(([name]) => name.startsWith("!"));
    return all.map(([name, mark]) => [name.slice(1), mark.value === 1]);
  });
}

const server = await serve();
const browser = await launch();
const ran = new Map();
for (const visit of VISITS) {
  const page = await browser.newPage(visit);
  // What waits for the rest of the app is not to be recorded: it does not come.
  await page.addInitScript(() => {
    Object.defineProperty(self, "headroomStarted", {
      set: () => {},
      get: () => (first) => {
        self.marks = first;
        return new Promise((_, missing) => {
          self.missing = missing;
        });
      },
    });
  });
  await page.goto(server.url);
  await page.locator("html[data-ready]").waitFor({ timeout: 60_000 });
  await page.locator("[data-testid=steps]:not([inert])").waitFor({ timeout: 60_000 });
  // Slots and sliders are to answer.
  for (const slot of await page.locator("details.slot > summary").all()) {
    await slot.click();
    await page.waitForTimeout(300);
    const slider = page.locator("details.slot[open] input[type=range]").first();
    if (!(await slider.count())) continue;
    // Each verdict has words of its own.
    for (const key of [...SLIDES, "End", "PageDown", "PageDown", "Home"]) {
      await slider.press(key);
      await page.waitForTimeout(400);
    }
  }
  await page.keyboard.press("Escape");
  await page.getByTestId("step").first().click();
  await page.waitForTimeout(1_000);
  await page.evaluate(() => self.missing());
  await page.locator("html[data-rest=missing]").waitFor();
  for (const [key, did] of await marks(page)) ran.set(key, ran.get(key) || did);
  await page.close();
}
await browser.close();
await server.close();

const rest = [...ran].filter(([, did]) => !did).map(([key]) => key);
writeFileSync(process.env.HEADROOM_REST, `${rest.sort().join("\n")}\n`);
console.log(`${ran.size - rest.length} of ${ran.size} functions ran on a first visit`);
