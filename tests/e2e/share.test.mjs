// The main path: pick another GPU, read a cell, open its bill, hand the link on. Whoever opens it
// sees the same figures, and the command line prints them too.
import assert from "node:assert/strict";

import { estimate, pageTest } from "./harness.mjs";

const MODEL = "qwen3-32b";
const QUANT = "Q4_K_M";

/** How a cell's figure is written. */
const FIGURE = { en: /\d\.\d\sGiB/u, ru: /\d,\d\sГиБ/u };

for (const locale of ["en-GB", "ru-RU"]) {
  const lang = locale.slice(0, 2);

  pageTest(`a link brings the bill back (${lang})`, { locale }, async (headroom) => {
    await headroom.open();
    assert.equal(await headroom.page.locator("html").getAttribute("lang"), lang);
    const before = await headroom.readTable();

    await headroom.pickDevice("4090", "rtx-4090");
    await headroom.cell(MODEL, QUANT).click();
    const table = await headroom.readTable();
    const bill = await headroom.readBill();
    assert.equal(table.length, before.length);
    assert.ok(table.every((cell) => cell.machine === "rtx-4090"));
    assert.match(await headroom.cell(MODEL, QUANT).innerText(), FIGURE[lang]);

    const link = await headroom.copyLink();
    const other = await headroom.openTab(link);
    assert.deepEqual(await other.readTable(), table);
    assert.deepEqual(await other.readBill(), bill);
    assert.equal(await other.words("bill"), await headroom.words("bill"));
    assert.equal(await other.words("answer"), await headroom.words("answer"));

    const { cells } = estimate(new URL(link).search);
    assert.deepEqual(
      table,
      cells.map(({ model, quant, hardware, verdict, device_bytes }) => {
        return { model, quant, machine: hardware, verdict, bytes: device_bytes.expected };
      }),
    );
    const cell = cells.find(({ model, quant }) => model === MODEL && quant === QUANT);
    const items = [...cell.devices, cell.host].flatMap((place) => place.items);
    assert.deepEqual(
      bill,
      items.map(({ term, bytes }) => ({ term, bytes: bytes.expected })),
    );
  });
}

pageTest("the language chosen travels in the link", {}, async (headroom) => {
  await headroom.open();
  const english = await headroom.words("answer");
  await headroom.part("lang-ru").click();
  assert.match(await headroom.words("answer"), /[а-я]/u);
  const other = await headroom.openTab(await headroom.copyLink());
  assert.equal(await other.page.locator("html").getAttribute("lang"), "ru");
  assert.equal(await other.words("answer"), await headroom.words("answer"));
  await headroom.part("lang-en").click();
  assert.equal(await headroom.words("answer"), english);
});
