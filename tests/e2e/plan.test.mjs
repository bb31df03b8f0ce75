// The plan of the open cell: written when it is opened, in the reader's language, for either shell.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

import { assertAccessible, pageTest, plan } from "./harness.mjs";

const QUERY = "model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M&ctx=16384";

/** The commands and files that the open plan shows. */
const codes = (headroom) => headroom.part("plan-code").allInnerTexts();

/** Opens the plan and waits until it is written. */
async function openPlan(headroom) {
  await headroom.tab("plan");
  await headroom.part("plan-stage").first().waitFor();
}

pageTest("says what the command line says", {}, async (headroom) => {
  await headroom.open(`?${QUERY}`);
  await openPlan(headroom);
  const told = plan(QUERY);
  assert.equal(await headroom.words("plan-why"), told.why);
  const steps = told.sections.flatMap(({ steps }) => steps);
  const wanted = steps.map(({ code }) => code).filter((code) => code !== "");
  assert.deepEqual((await codes(headroom)).map((code) => code.trimEnd()), wanted);
  assert.ok(wanted.some((code) => code.startsWith("llama-server ")));
  await assertAccessible(headroom);
  await headroom.part("plan-copy").first().click();
  await headroom.page.getByText("Copied").first().waitFor();
  assert.equal(await headroom.page.evaluate(() => navigator.clipboard.readText()), wanted[0]);
});

pageTest("follows the question, the language and the shell", {}, async (headroom) => {
  await headroom.open(`?${QUERY}&engine=ollama&lang=ru`);
  await openPlan(headroom);
  assert.match(await headroom.words("plan-why"), /Занимает/u);
  assert.ok((await codes(headroom)).some((code) => code.startsWith("OLLAMA_CONTEXT_LENGTH=16384 ")));
  await headroom.part("plan-shell").last().click();
  await headroom.page.getByText("$env:OLLAMA_CONTEXT_LENGTH='16384'").first().waitFor();
});

pageTest("a step says what it costs in quality when it is looked at", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=rtx-4090&quant=Q8_0");
  await headroom.part("step").first().hover();
  const note = headroom.part("step").getByTestId("quality-note").first();
  await note.waitFor();
  assert.match(await note.textContent(), /perplexity|divergence|no published/u);
});

pageTest("the open cell says what its format costs in quality", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M&cell=0.0.0");
  const note = headroom.part("bill").getByTestId("quality-note");
  await note.waitFor();
  assert.match(await note.textContent(), /^Q4_K_M: .*perplexity/u);
  await headroom.open("?model=qwen3-32b&hw=rtx-4090*4&quant=BF16&cell=0.0.0&kv=q4_0&lang=ru");
  await headroom.page.getByTestId("quality-note").getByText("KV q4_0: ").waitFor();
  await headroom.open("?model=qwen3-32b&hw=rtx-4090*4&quant=BF16&cell=0.0.0");
  await headroom.part("bill").waitFor();
  await headroom.page.locator("html[data-rest]").waitFor();
  assert.equal(await headroom.part("bill").getByTestId("quality-note").count(), 0);
});

/** What a button saves: the name of the file and its bytes. */
async function saved(headroom, button) {
  const saving = headroom.page.waitForEvent("download");
  await button.click();
  const file = await saving;
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}

pageTest("plan and table are saved as the command line prints them", {}, async (headroom) => {
  await headroom.open(`?${QUERY}&engine=llama.cpp,ollama`);
  const table = headroom.part("saves-table");
  const csv = await saved(headroom, table.getByTestId("save-csv"));
  assert.equal(csv.name, "headroom-table.csv");
  const printed = (...form) =>
    execFileSync(process.env.HEADROOM_BIN, ["estimate", `${QUERY}&engine=llama.cpp,ollama`, ...form], { encoding: "utf8" });
  const names = (text) => text.split(/\r?\n/u).map((line) => line.split(",").slice(0, 5).join());
  assert.deepEqual(names(csv.bytes.toString()), names(printed("--format", "csv")));
  const markdown = await saved(headroom, table.getByTestId("save-md"));
  assert.match(markdown.bytes.toString(), /^\| model \| hardware /u);
  const rows = JSON.parse((await saved(headroom, table.getByTestId("save-json"))).bytes);
  assert.deepEqual(rows.map(({ engine }) => engine), ["llama.cpp", "ollama"]);
  assert.ok(rows.every(({ kv_gib: gib }) => gib > 1));
  await openPlan(headroom);
  const plans = headroom.part("saves-plan");
  const json = JSON.parse((await saved(headroom, plans.getByTestId("save-json"))).bytes);
  assert.equal(json.why, await headroom.words("plan-why"));
  const text = (await saved(headroom, plans.getByTestId("save-md"))).bytes.toString();
  assert.ok(text.startsWith(`# ${json.title}\n`));
});

pageTest("a chart is saved as it is seen, as SVG and as PNG", {}, async (headroom) => {
  await headroom.open(`?${QUERY}&lang=ru`);
  await headroom.tab("memory");
  const chart = headroom.part("chart-memory-context");
  await chart.locator("path.chart-area").first().waitFor({ state: "attached" });
  const svg = await saved(headroom, chart.getByTestId("save-svg"));
  assert.equal(svg.name, "headroom-chart-memory-context.svg");
  const text = svg.bytes.toString();
  assert.ok(text.includes(await chart.locator("h3").innerText()));
  // Its look is in it, not in a style sheet, and nothing is black by want of one.
  assert.doesNotMatch(text, /class=|var\(/u);
  assert.match(text, /<path[^>]* fill="(?:rgb|color|oklch)\([^"]*"/u);
  // On the page's own ground, and each name beside the colour of its part.
  const ground = await headroom.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  assert.match(ground, /^(?:rgb|color|oklch)\((?!0, 0, 0, 0)/u);
  assert.ok(text.includes(`<rect width="100%" height="100%" fill="${ground}"`), ground);
  assert.doesNotMatch(text, /fill="rgba\(0, 0, 0, 0\)"[^>]*width="10"|width="10"[^>]*fill="rgba\(0, 0, 0, 0\)"/u);
  const png = await saved(headroom, chart.getByTestId("save-png"));
  assert.equal(png.bytes.subarray(1, 4).toString(), "PNG");
  const [width, height] = [16, 20].map((at) => png.bytes.readUInt32BE(at));
  const [, w, h] = text.match(/^<svg[^>]* width="(\d+)" height="(\d+)"/u);
  assert.deepEqual([width, height], [2 * w, 2 * h]);
});

pageTest("a print says of what page and day it is", {}, async (headroom) => {
  await headroom.open(`?${QUERY}`);
  await headroom.page.emulateMedia({ media: "print" });
  await headroom.page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  const printed = await headroom.page.evaluate(() => getComputedStyle(document.documentElement, "::after").content);
  assert.ok(printed.includes(await headroom.page.evaluate(() => document.documentElement.dataset.printed)));
  assert.ok(printed.includes("model=qwen3-32b") && printed.includes(String(new Date().getFullYear())), printed);
});

for (const [what, query] of Object.entries({
  "the first answer": "",
  "a plan": "?model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M&tab=plan",
  "a plan in Russian": "?model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M&tab=plan&lang=ru",
})) {
  pageTest(`a print takes two pages: ${what}`, {}, async (headroom) => {
    await headroom.open(query);
    await headroom.page.locator("html[data-rest=here]").waitFor();
    await headroom.part(query ? "plan" : "chart-frontier").waitFor();
    const paper = await headroom.page.pdf({ format: "A4" });
    const pages = paper.toString("latin1").match(/\/Type\s*\/Page\b(?!s)/gu).length;
    assert.ok(pages <= 2, `it takes ${pages}`);
  });
}
