// Many machines stay a short list: a name each, of which one at a time is open to changes.
import assert from "node:assert/strict";

import { assertAccessible, pageTest } from "./harness.mjs";

const PHONE = { viewport: { width: 390, height: 844 } };
const IDS = ["rtx-3060-12gb", "rtx-4070", "rtx-4080", "rtx-4090", "rtx-5070", "rtx-5080", "rtx-5090"];
const QUERY = `?model=qwen3-8b&quant=Q4_K_M&hw=${IDS.join(";")}`;

pageTest("one of many machines is opened, changed and taken out", {}, async (headroom) => {
  await headroom.open(QUERY);
  const names = headroom.part("machine-open");
  assert.equal(await names.count(), IDS.length);
  assert.equal(await headroom.part("device").count(), 0, "none is open");
  await names.nth(2).click();
  assert.equal(await names.nth(2).getAttribute("aria-expanded"), "true");
  assert.match(await headroom.part("device").inputValue(), /4080/u);
  await headroom.part("device-count").fill("2");
  assert.match(await names.nth(2).innerText(), /^2 × .*4080/u);
  await headroom.page.waitForURL(/rtx-4080\*2/u);
  await assertAccessible(headroom);

  await headroom.part("machine-remove").nth(0).click();
  assert.equal(await names.count(), IDS.length - 1);
  assert.equal(await headroom.part("device").count(), 0, "no other takes the place of the open one");
  for (let left = IDS.length - 1; left > 2; left -= 1) {
    await headroom.part("machine-remove").first().click();
  }
  assert.equal(await names.count(), 0);
  assert.equal(await headroom.part("device").count(), 2, "a few are all open");
});

pageTest("the list is short on a phone too", PHONE, async (headroom) => {
  await headroom.open(QUERY);
  const { height } = await headroom.part("hardware-picker").boundingBox();
  assert.ok(height < 500, `${height} pixels`);
  assert.ok((await headroom.overflow()) <= 0, "the page scrolls sideways");
});
