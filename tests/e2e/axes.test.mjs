// Rows and columns can be models, hardware, quantisations or engines: chosen by themselves, or with
// the fields above the table. Every layout shows the command line's figures.
import assert from "node:assert/strict";

import { assertAccessible, estimate, pageTest } from "./harness.mjs";

const MACHINES = "rtx-4090;rtx-5090;apple-m4-max-40c@64;rtx-3090*2";

/** The cells as the page shows them, each by what it is. */
async function shown(headroom) {
  const cells = await headroom.part("cell").evaluateAll((cells) =>
    cells.map(({ dataset: { model, machine, quant, engine, verdict, bytes } }) => {
      return { model, machine, quant, engine, verdict, bytes: Number(bytes) };
    }),
  );
  return sorted(cells.filter(({ verdict }) => verdict !== undefined));
}

/** The cells as the command line answers them. */
function answered(query, keep = () => true) {
  const cells = estimate(query).cells.map((cell) => {
    const { model, hardware: machine, requested_quant, engine, verdict, device_bytes } = cell;
    const quant = requested_quant ?? cell.quant;
    return { model, machine, quant, engine, verdict, bytes: device_bytes.expected };
  });
  return sorted(cells.filter(keep));
}

function sorted(cells) {
  return cells.map((cell) => JSON.stringify(cell)).sort();
}

const names = (headroom) => headroom.page.locator("tbody .model .model-name").allInnerTexts();

pageTest("one model on several machines has a row for each", {}, async (headroom) => {
  const query = `?model=qwen3-32b&hw=${MACHINES}`;
  await headroom.open(query);
  assert.deepEqual(await shown(headroom), answered(query));
  const rows = await names(headroom);
  assert.equal(rows.length, 4);
  assert.match(rows[3], /^2 × .*3090/u);
  assert.match(await headroom.words("answer"), /Qwen3-32B/u);
  assert.match(await headroom.page.locator(".answer-then").innerText(), /of the 4 machines/u);
  await assertAccessible(headroom);
});

pageTest("the layout is chosen with the keyboard and travels in the link", {}, async (headroom) => {
  const query = `?model=qwen3-32b,qwen3-30b-a3b&quant=Q8_0,Q4_K_M&hw=${MACHINES}`;
  await headroom.open(query);
  assert.equal(await headroom.page.locator(".group-row").count(), 4, "a group for each machine");
  assert.deepEqual(await shown(headroom), answered(query));

  await headroom.part("cols-select").focus();
  await headroom.page.keyboard.press("ArrowUp");
  await headroom.part("cols-select").selectOption("hardware");
  assert.match(headroom.query, /cols=hardware/u);
  assert.deepEqual(await shown(headroom), answered(query), "nothing is lost by turning it round");
  await headroom.part("groups-select").selectOption("");
  assert.equal(await headroom.page.locator(".group-row").count(), 0);

  // What is no axis any more is chosen by a field.
  const open = headroom.page.locator("[data-testid=open-entry] select");
  assert.equal(await open.count(), 1);
  await open.selectOption("1");
  const [axis] = await headroom.part("open-entry").evaluateAll((all) => {
    return all.map(({ dataset }) => dataset.axis);
  });
  const wanted = { model: "qwen3-30b-a3b", quant: "Q4_K_M" }[axis];
  assert.deepEqual(await shown(headroom), answered(query, (cell) => cell[axis] === wanted));

  const other = await headroom.openTab(await headroom.copyLink());
  assert.deepEqual(await shown(other), await shown(headroom));
  await assertAccessible(headroom);
});

pageTest("a machine is added and taken out again", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=rtx-4090");
  await headroom.part("machine-add").fill("5090");
  await headroom.page.locator('[role=option][data-id="rtx-5090"]:visible').click();
  assert.equal((await names(headroom)).length, 2);
  await headroom.part("hardware-remove").first().click();
  assert.deepEqual(await shown(headroom), answered("?model=qwen3-32b&hw=rtx-5090"));
});

for (const locale of ["en-GB", "ru-RU"]) {
  const phone = { locale, viewport: { width: 390, height: 844 } };
  pageTest(`on a phone a machine is a card (${locale})`, phone, async (headroom) => {
    await headroom.open(`?model=qwen3-32b&hw=${MACHINES}&engine=llama.cpp,vllm`);
    assert.equal(await headroom.overflow(), 0);
    const cards = headroom.page.locator("[data-testid=table] tbody tr:not(.group-row)");
    assert.equal(await cards.count(), 8, "one for each engine on each machine");
    await assertAccessible(headroom);
  });
}

pageTest("a wide table scrolls in itself, its rows' names stay", {}, async (headroom) => {
  await headroom.open(`?model=qwen3-32b,qwen3-30b-a3b&rows=model&cols=quant&quant=BF16,Q8_0,Q6_K,\
Q5_K_M,Q4_K_M,Q3_K_M,Q2_K,IQ4_XS,IQ3_XXS`);
  assert.equal(await headroom.overflow(), 0);
  const scroll = headroom.page.locator(".table-scroll");
  const name = headroom.page.locator("tbody .model").first();
  const before = (await name.boundingBox()).x;
  await scroll.evaluate((element) => element.scrollBy(400, 0));
  assert.equal((await name.boundingBox()).x, before);
  const { width } = await name.boundingBox();
  assert.ok(width < 300, `names take ${width} pixels`);
  const spilt = await headroom.part("cell").evaluateAll((cells) =>
    cells.filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => cell.innerText),
  );
  assert.deepEqual(spilt, [], "figures stay in their cells");
});

pageTest("a layout that cannot be is reported", {}, async (headroom) => {
  await headroom.open("?rows=model,model&cols=nothing");
  assert.equal(await headroom.part("notice").count(), 2);
  assert.equal(await headroom.part("cell").count(), 9);
});
