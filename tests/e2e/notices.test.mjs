// What cannot be answered as asked is said, with what would be; nothing typed is lost.
import assert from "node:assert/strict";

import { estimate, pageTest } from "./harness.mjs";

pageTest("a model that was never released is said not to exist", {}, async (headroom) => {
  await headroom.open("?model=qwen3-72b,qwen3-32b");
  assert.match(await headroom.words("notice"), /qwen3-72b/u);
  // The rest is answered, and the link still has what was typed.
  assert.match(await headroom.cell("qwen3-32b", "Q8_0").innerText(), /GiB/u);
  assert.match(await headroom.copyLink(), /qwen3-72b/u);
  // A real one is offered in its place.
  const { notices } = estimate("model=qwen3-72b,qwen3-32b");
  const [{ nearest }] = notices.filter(({ kind }) => kind === "unknown_model");
  await headroom.part("notice-way").first().click();
  await headroom.cell(nearest[0], "Q8_0").waitFor();
  assert.equal(await headroom.part("notice").count(), 0);
});

pageTest("a number in the link that is out of range", {}, async (headroom) => {
  await headroom.open("?ctx=0");
  assert.match(await headroom.words("notice"), /ctx.*0.*16.?777.?216/u);
  assert.match(await headroom.copyLink(), /ctx=0(&|$)/u);
});

pageTest("a number typed that is out of range", {}, async (headroom) => {
  await headroom.open();
  const before = await headroom.readTable();
  const input = headroom.part("context-input");
  await input.fill("0");
  assert.equal(await input.getAttribute("aria-invalid"), "true");
  assert.equal(await input.inputValue(), "0");
  assert.deepEqual(await headroom.readTable(), before);
  const note = await headroom.page.evaluate(() => {
    const described = document.activeElement.getAttribute("aria-describedby");
    return document.getElementById(described).innerText;
  });
  assert.match(note, /16.?777.?216/u);
  await input.fill("8k");
  assert.equal(await input.getAttribute("aria-invalid"), null);
  assert.notDeepEqual(await headroom.readTable(), before);
});

pageTest("what is offered for a part of a machine keeps the rest of it", {}, async (headroom) => {
  await headroom.open("?hw=h100;rtx-4090*0,rtx-3090*2&model=qwen3-8b&quant=Q4_K_M");
  await headroom.part("notice-way").filter({ hasText: "rtx-4090*1,rtx-3090*2" }).click();
  assert.equal(await headroom.part("notice").count(), 0);
  assert.match(headroom.query, /hw=h100;rtx-4090,rtx-3090\*2&/u);
});

pageTest("a number is no device", {}, async (headroom) => {
  await headroom.open("?hw=128&model=qwen3-8b&quant=Q4_K_M");
  assert.match(await headroom.words("notice"), /No device is called “128”/u);
});

pageTest("columns that are the rows as well", {}, async (headroom) => {
  await headroom.open("?rows=model&cols=model");
  assert.match(await headroom.words("notice"), /cols=model.*hardware, quant, engine/u);
  assert.match(await headroom.copyLink(), /rows=model&cols=model/u);
  await headroom.part("cols-select").selectOption("engine");
  assert.equal(await headroom.part("notice").count(), 0);
  assert.doesNotMatch(headroom.query, /cols=model/u);
});

for (const [missing, query] of Object.entries({
  hardware: "?hw=",
  models: "?model=",
  quantisations: "?quant=",
})) {
  pageTest(`without ${missing} the page says what would do`, {}, async (headroom) => {
    await headroom.open(query);
    await headroom.part("ranking-row").first().waitFor();
    assert.equal(await headroom.part("cell").count(), 0);
    // A row that is taken fills the gap.
    await headroom.part("ranking-row").first().getByRole("button").click();
    await headroom.part("bill").waitFor();
    assert.doesNotMatch(headroom.query, /=\*/u);
  });
}
