// What a first visit runs: `cargo xtask record` builds the page so that it tells, and writes the list of
// all else, by which the page is divided.
import { writeFileSync } from "node:fs";
import process from "node:process";

import { launch } from "./browser.mjs";
import { serve } from "./server.mjs";

const desktop = { width: 1366, height: 768 };
const phone = { width: 390, height: 844 };

/** Visits differ in what they draw. */
const VISITS = [
  { viewport: desktop, locale: "en", colorScheme: "light" },
  { viewport: desktop, locale: "ru", colorScheme: "dark" },
  { viewport: phone, locale: "en", colorScheme: "dark", hasTouch: true },
];

/** What is asked by the links that most are like: experts, windows of attention, latents, parts in RAM,
 * several cards and users, unified memory, a smaller cache, what is ranked, a document that shows one
 * answer. */
const LINKS = [
  "?model=gpt-oss-120b&hw=rtx-3090*2&quant=MXFP4",
  "?model=gemma-3-27b-it,llama-3.3-70b-instruct&hw=rtx-4090;apple-m3-max@64&ram=64GiB",
  "?model=deepseek-r1&hw=rtx-5090&ram=512GiB&quant=Q4_K_M",
  "?model=llama-3.1-8b-instruct&hw=rx-7900-xtx&ctx=8192&kv=q8_0&users=4",
  "?model=*&hw=rtx-4090",
  "?view=accuracy",
  "?model=qwen3-32b&hw=rtx-4090&embed=1",
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

/** Opens an address of the page, acts on it, and takes down what ran. */
async function record(visit, query, act = () => {}) {
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
  await page.goto(`${server.url}${query}`);
  await page.locator("html[data-ready]").waitFor({ timeout: 60_000 });
  await page.waitForTimeout(2_000);
  await act(page);
  for (const [key, did] of await marks(page)) ran.set(key, ran.get(key) || did);
  await page.close();
}

/** Opens each slot, moves sliders, and learns that the rest is missing. */
async function use(page) {
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
  await page.evaluate(() => self.missing());
  await page.locator("html[data-rest=missing]").waitFor();
}

for (const visit of VISITS) await record(visit, "", use);
for (const link of LINKS) await record(VISITS[0], link);
await browser.close();
await server.close();

const rest = [...ran].filter(([, did]) => !did).map(([key]) => key);
writeFileSync(process.env.HEADROOM_REST, `${rest.sort().join("\n")}\n`);
console.log(`${ran.size - rest.length} of ${ran.size} functions ran on a first visit`);
