// No link makes the page unbounded: what is long is cut, drawn in parts, and said so.
import assert from "node:assert/strict";

import { devices, models, pageTest } from "./harness.mjs";

const QUANTS = "BF16,Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q3_K_M,Q2_K,IQ2_M";
const ENGINES = "llama.cpp,ollama,lmstudio,koboldcpp,vllm,sglang,transformers,exllamav3";

/** How much the page holds: its nodes, and the cells, rows and notices among them. */
async function measure(headroom) {
  const nodes = await headroom.page.evaluate(() => document.querySelectorAll("*").length);
  const [cells, notices] = [headroom.part("cell"), headroom.part("notice")];
  return { nodes, cells: await cells.count(), notices: await notices.count() };
}

/** Opens a long link and holds the page to its bounds; says how long it took. */
async function open(headroom, query) {
  const start = Date.now();
  await headroom.open(`?${query}`);
  const ready = Date.now() - start;
  // What is pressed is answered: the page is not merely drawn.
  await headroom.part("units-gib").click();
  const pressed = Date.now() - start;
  const held = await measure(headroom);
  console.log(`${query.length} bytes: ready after ${ready} ms, a click taken after ${pressed} ms`, held);
  assert.ok(held.nodes < 20_000, `${held.nodes} nodes`);
  assert.ok(held.notices <= 10, `${held.notices} notices`);
  return held;
}

const many = (n, of) => Array.from({ length: n }, (_, at) => of(at));

for (const [name, query] of Object.entries({
  "every model on four machines": `model=${models().join(",")}&hw=rtx-4090;rtx-3090;h100;a100&quant=${QUANTS}`,
  "more cells than are answered": `model=${models().slice(0, 100).join(",")}&hw=${devices().slice(0, 32).join(";")}&quant=${QUANTS}&engine=${ENGINES}`,
  "every model as a column": `model=${models().join(",")}&hw=rtx-4090;h100&quant=Q8_0,Q4_K_M&cols=model`,
  "thousands of models that do not exist": `model=${many(4000, (n) => `model-number-${n}`).join(",")}`,
  "twenty thousand pairs alike": many(20_000, () => "a=b").join("&"),
  "ten thousand pairs that differ": many(10_000, (n) => `a${n}=b`).join("&"),
  "a name of 50 kB": `model=${"x".repeat(50_000)}&hw=${"y".repeat(20_000)}`,
})) {
  pageTest(name, {}, async (headroom) => {
    await open(headroom, query);
  });
}

pageTest("of a long table the lines around the screen are drawn", {}, async (headroom) => {
  const { page } = headroom;
  const asked = models();
  await open(headroom, `model=${asked.join(",")}&hw=rtx-4090;h100&quant=Q8_0,Q4_K_M&rows=hardware,model`);
  const table = headroom.part("table");
  assert.equal(await table.getAttribute("aria-rowcount"), String(2 * (asked.length + 1) + 1));
  const { height, y: top } = await table.boundingBox();
  for (const [share, machine] of [[0.25, "rtx-4090"], [0.75, "h100"], [0.99, "h100"], [0.05, "rtx-4090"]]) {
    await page.evaluate((y) => scrollTo(0, y), top + share * height);
    // Whatever is on the screen is drawn, and answered.
    let at;
    for (let tries = 0; !at?.verdict && tries < 50; tries += 1) {
      await page.waitForTimeout(100);
      at = await page.evaluate(() => {
        const cell = document.elementsFromPoint(700, 500).find((found) => found.matches(".cell"));
        return cell && { ...cell.dataset, row: Number(cell.closest("tr").getAttribute("aria-rowindex")) };
      });
    }
    assert.ok(at?.verdict, `nothing is drawn at ${share}`);
    assert.equal(at.machine, machine);
    const place = asked.indexOf(at.model) + (machine === "h100" ? asked.length + 1 : 0) + 3;
    assert.equal(at.row, place);
    assert.ok(Math.abs(place / asked.length / 2 - share) < 0.1, `${place} at ${share}`);
    const { nodes, cells } = await measure(headroom);
    assert.ok(nodes < 10_000 && cells < 200, `${nodes} nodes, ${cells} cells`);
  }
});

pageTest("a table beyond the limit says how much of it is answered", {}, async (headroom) => {
  const [names, machines] = [models().slice(0, 100).join(","), devices().slice(0, 32).join(";")];
  const query = `model=${names}&hw=${machines}&quant=${QUANTS}&engine=llama.cpp,vllm,sglang,mlx`;
  await open(headroom, query);
  // 19 models on 32 machines with 8 quantisations and 4 engines.
  assert.match(await headroom.words("notice"), /102,400 cells are requested; the first 19,456 are answered/u);
});

pageTest("of many notices the first are shown, and how many more there are", {}, async (headroom) => {
  const long = `start${"x".repeat(500)}end`;
  const pairs = [`${long}=1`, ...many(29, (n) => `key${n}=1`), "key7=1", "key7=1"];
  await headroom.open(`?${pairs.join("&")}`);
  assert.equal(await headroom.part("notice").count(), 10);
  assert.equal(await headroom.words("more-notices"), "And 20 more.");
  assert.match(await headroom.words("notice"), /“startx+…x+end=1” in the link means nothing/u);
  assert.ok((await headroom.words("notice")).length < 200);
  // The link keeps all of it; what is dropped makes way for the next.
  assert.match(await headroom.copyLink(), /key28=1/u);
  await headroom.part("notice-way").first().click();
  assert.equal(await headroom.part("notice").count(), 10);
  assert.equal(await headroom.words("more-notices"), "And 19 more.");
});
