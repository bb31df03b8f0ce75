// Speed: the cells' rates, their order and filter, the section of the bill, own measurements.
import assert from "node:assert/strict";

import { assertAccessible, estimate, pageTest } from "./harness.mjs";

const QUERY = "model=qwen3-30b-a3b,qwen3-32b,qwen2.5-72b-instruct&hw=rtx-3090*2&quant=Q8_0,Q4_K_M&ctx=8192";

const close = (a, b) => Math.abs(a - b) <= 1e-9 * Math.abs(b);

/** The rate of every cell of the table, in its order, by `model quant`. */
async function rates(headroom) {
  return headroom.part("cell").evaluateAll((cells) =>
    cells.map(({ dataset }) => [`${dataset.model} ${dataset.quant}`, Number(dataset.tps)]),
  );
}

const rows = async (headroom) =>
  [...new Set((await rates(headroom)).map(([name]) => name.split(" ")[0]))];

pageTest("cells decode as fast as the command line says", {}, async (headroom) => {
  await headroom.open(`?${QUERY}`);
  const told = estimate(QUERY).cells;
  const shown = new Map(await rates(headroom));
  assert.equal(shown.size, told.length);
  for (const cell of told) {
    const tps = shown.get(`${cell.model} ${cell.quant}`);
    assert.ok(close(tps, cell.decode_tps.expected), `${cell.model} ${cell.quant}: ${tps}`);
  }
  await headroom.cell("qwen3-32b", "Q4_K_M").click();
  const cell = told.find(({ model, quant }) => model === "qwen3-32b" && quant === "Q4_K_M");
  for (const [tab, id, figure] of [
    ["serving", "ttft", cell.ttft_s],
    ["serving", "tpot", cell.tpot_s],
    ["serving", "throughput", cell.throughput_tps],
    ["speed", "decode-tps", cell.decode_tps],
    ["speed", "prefill-tps", cell.prefill_tps],
  ]) {
    await headroom.tab(tab);
    const value = Number(await headroom.part(id).getAttribute("data-value"));
    assert.ok(close(value, figure.expected), `${id}: ${value}, not ${figure.expected}`);
  }
  assert.match(await headroom.words("speed"), /bottleneck: memory bandwidth/);
  assert.match(await headroom.words("speed"), /\d to [\d.]+ tokens\/s/, "a unit is named once");
  assert.doesNotMatch(await headroom.words("bill"), /most users/i, "that is told in the panel");
  assert.match(await headroom.words("speed-basis"), /Calibrated on \d+ measurements/);
});

pageTest("rows are ordered by speed, from the field and from the header", {}, async (headroom) => {
  await headroom.open(`?${QUERY}`);
  const asked = await rows(headroom);
  await headroom.part("order-select").selectOption({ label: "speed, Q4_K_M" });
  const ordered = (await rates(headroom)).filter(([name]) => name.endsWith("Q4_K_M"));
  const tps = ordered.map(([, tps]) => tps);
  assert.deepEqual(tps, tps.toSorted((a, b) => b - a));
  await headroom.part("order-select").selectOption("0");
  assert.deepEqual(await rows(headroom), asked);
  const header = headroom.page.locator("th[scope=col] button.sort").last();
  await header.click();
  assert.equal(await header.locator("..").getAttribute("aria-sort"), "ascending");
  await header.click();
  assert.equal(await header.locator("..").getAttribute("aria-sort"), "descending");
  assert.equal(await headroom.part("order-select").inputValue(), "5");
});

pageTest("rows that are too slow are hidden, and the link says so", {}, async (headroom) => {
  await headroom.open(`?${QUERY}`);
  const all = await rates(headroom);
  await headroom.part("min-tps-input").fill("40");
  const fast = new Set(all.filter(([, tps]) => tps >= 40).map(([name]) => name.split(" ")[0]));
  assert.ok(fast.size > 0 && fast.size < 3);
  assert.deepEqual(new Set(await rows(headroom)), fast);
  assert.match(await headroom.page.innerText(".tools"), /hidden/);
  // The address follows a moment after the typing.
  await headroom.page.waitForURL(/min_tps=40/);
  await headroom.part("min-tps-input").fill("soon");
  assert.deepEqual(new Set(await rows(headroom)), fast, "the last usable number stays in use");
  await headroom.part("min-tps-input").fill("");
  assert.equal((await rows(headroom)).length, 3);
  await headroom.page.waitForURL((url) => !url.search.includes("min_tps"));
});

pageTest("own measurements correct the estimate and stay in the link", {}, async (headroom) => {
  await headroom.open(`?${QUERY}&cell=1.0.1&tab=speed`);
  const before = Number(await headroom.part("decode-tps").getAttribute("data-value"));
  await headroom.page.locator("[data-testid=measure] > summary").click();
  await headroom.part("measure-text").fill("what I saw");
  await headroom.part("measure-use").click();
  assert.match(await headroom.words("measure-note"), /Neither a number nor/);
  const table = "| model | test | t/s |\n| --- | --- | --: |\n| qwen3 32B Q4_K | tg128 | 20.00 ± 0.1 |";
  await headroom.part("measure-text").fill(table);
  await headroom.part("measure-use").click();
  assert.match(await headroom.words("measured-off"), /% (longer|faster)/);
  const after = Number(await headroom.part("decode-tps").getAttribute("data-value"));
  assert.ok(after < before && after < 20.001);
  const link = await headroom.copyLink();
  assert.match(link, /measured=/);
  const tab = await headroom.openTab(link);
  assert.equal(Number(await tab.part("decode-tps").getAttribute("data-value")), after);
  await assertAccessible(headroom);
  await headroom.part("measure-forget").click();
  assert.equal(Number(await headroom.part("decode-tps").getAttribute("data-value")), before);
  assert.doesNotMatch(headroom.query, /measured/);
});

pageTest("a log's memory is set beside the estimate, and follows the question", {}, async (headroom) => {
  await headroom.open("?model=llama-3.1-8b-instruct&hw=rtx-4090&quant=Q4_K_M&ctx=8192&tab=speed");
  await headroom.page.locator("[data-testid=measure] > summary").click();
  const log = [
    "load_tensors:        CUDA0 model buffer size =  4403.49 MiB",
    "llama_kv_cache:      CUDA0 KV buffer size =  1024.00 MiB",
    "sched_reserve:      CUDA0 compute buffer size =   500.00 MiB",
  ];
  await headroom.part("measure-text").fill(log.join("\n"));
  await headroom.part("measure-use").click();
  const lines = headroom.part("measured-memory").locator("li");
  assert.equal(await lines.count(), 3);
  assert.match(await lines.nth(1).innerText(), /^KV cache \(devices\): 1\.00\sGiB in the log, 1\.00\sGiB estimated, 0 %$/u);
  await headroom.part("context-input").fill("16384");
  await headroom.part("context-input").press("Enter");
  await lines.nth(1).filter({ hasText: /2\.00\sGiB estimated, -50 %/u }).waitFor();
  assert.doesNotMatch(headroom.query, /measured/u);
  await assertAccessible(headroom);
});

pageTest("a cell says from where to where, and marks what is not calibrated", {}, async (headroom) => {
  const query = "?model=qwen3-32b&hw=rtx-3090*2;mi300x&quant=Q4_K_M";
  await headroom.open(query);
  const basis = estimate(query).cells.map(({ speed_basis }) => String(speed_basis.calibrated));
  assert.deepEqual(basis, ["true", "false"]);
  const speeds = headroom.part("table").getByTestId("cell-speed");
  assert.deepEqual(await speeds.evaluateAll((all) => all.map((one) => one.dataset.calibrated)), basis);
  for (const speed of await speeds.all()) {
    assert.match(await speed.innerText(), /\d tok\/s\s+\d[\d.,]*–\d/u);
  }
  const mark = (i) =>
    speeds.nth(i).locator(".speed-number").evaluate((n) => getComputedStyle(n, "::before").content);
  assert.match(await mark(1), /~/u);
  assert.equal(await mark(0), "none");
  assert.ok(await headroom.part("speed-mark").isVisible());
  await headroom.open("?model=qwen3-32b&hw=rtx-3090*2&quant=Q4_K_M");
  assert.ok(!(await headroom.part("speed-mark").isVisible()), "nothing is marked");
});

pageTest("a measurement that no machine could give is doubted, and stays", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=rtx-3090*2&quant=Q4_K_M&ctx=8192&tab=speed");
  await headroom.page.locator("[data-testid=measure] > summary").click();
  await headroom.part("measure-text").fill("30");
  await headroom.part("measure-use").click();
  assert.match(await headroom.words("measured-off"), /\d %/u);
  assert.equal(await headroom.part("measured-doubt").count(), 0);
  await headroom.part("measure-text").fill("38000");
  await headroom.part("measure-use").click();
  assert.match(await headroom.words("measured-off"), /\d times faster/u);
  assert.match(await headroom.words("measured-doubt"), /Check the unit/u);
  assert.match(await headroom.words("measured-kept"), /tg:38000/u);
  assert.match(await headroom.copyLink(), /tg:38000/u);
});

pageTest("a paste is refused at once, however it nests", {}, async (headroom) => {
  await headroom.open(`?${QUERY}&tab=speed`);
  await headroom.cell("qwen3-32b", "Q4_K_M").click();
  for (const line of ["[\n", `[${"1,".repeat(50)}\n`, "{\"a\":\n"]) {
    const took = await headroom.page.evaluate((line) => {
      const part = (id) => document.querySelector(`[data-testid=${id}]`);
      part("measure-text").value = line.repeat(1e6 / line.length);
      part("measure-text").dispatchEvent(new Event("input", { bubbles: true }));
      const start = performance.now();
      part("measure-use").click();
      return performance.now() - start;
    }, line);
    console.log(`1 MB of ${JSON.stringify(line.slice(0, 8))}: ${Math.round(took)} ms`);
    const note = await headroom.part("measure-note").first().textContent();
    assert.match(note, /Neither a number nor/u);
  }
});

pageTest("one measurement too many stays in its field", {}, async (headroom) => {
  const one = (_, n) => `rtx-3090*2/llama.cpp/model-${n}/Q4_K_M/tg:50`;
  const measured = Array.from({ length: 32 }, one).join(";");
  await headroom.open(`?${QUERY}&measured=${measured}&tab=speed`);
  await headroom.part("measure").locator("summary").click();
  await headroom.part("measure-text").fill("38.2");
  await headroom.part("measure-use").click();
  assert.match(await headroom.words("measure-note"), /32 measurements already/u);
  assert.equal(await headroom.part("measure-text").inputValue(), "38.2");
  assert.doesNotMatch(headroom.query, /38\.2/u);
});

pageTest("a word of the field explains itself", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=rtx-4090&tab=speed");
  await headroom.part("speed").locator(".term").first().click();
  const about = headroom.part("speed").locator(".term-about").first();
  assert.match(await about.innerText(), /one token after another/u);
  await headroom.page.keyboard.press("Escape");
  await about.waitFor({ state: "hidden" });
});
