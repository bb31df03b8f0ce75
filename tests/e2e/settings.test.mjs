// Settings as fields: what a serving engine sets aside, and what is typed as a link writes it.
import assert from "node:assert/strict";

import { assertAccessible, estimate, pageTest } from "./harness.mjs";

const QUERY = "?model=qwen3-8b&hw=h100-sxm*2&quant=BF16&engine=vllm";

pageTest("what a serving engine sets aside is set on the page", {}, async (headroom) => {
  await headroom.open(QUERY);
  await headroom.part("util-input").fill("60%");
  await headroom.part("seqs-input").fill("64");
  await headroom.part("batched-input").fill("4k");
  await headroom.part("tp-input").fill("1");
  await headroom.part("eager-switch").check();
  await headroom.part("vllm-input").fill("0.11");
  // The address follows what is typed a little later.
  await headroom.page.waitForFunction(() => /vllm=0.11/u.test(location.search));
  for (const pair of ["util=0.6", "seqs=64", "batched=4096", "tp=1", "eager=on", "vllm=0.11"]) {
    assert.ok(headroom.query.includes(pair), `${pair} is in ${headroom.query}`);
  }
  const [{ device_bytes }] = estimate(headroom.query).cells;
  const [{ bytes }] = await headroom.readTable();
  assert.equal(bytes, device_bytes.expected);
  assert.match(await headroom.words("flags"), /--enforce-eager/u);
  await assertAccessible(headroom);

  // Emptied, a field is the engine's own again.
  await headroom.part("util-input").fill("");
  await headroom.page.waitForFunction(() => !/util/u.test(location.search));
});

pageTest("parts that are none stay in their field, with what would be accepted", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=rtx-4090*2&quant=Q4_K_M");
  const field = headroom.part("ts-input");
  await field.fill("3,x");
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  assert.match(await field.locator("xpath=..").innerText(), /Accepted: 3,1/u);
  assert.ok(!headroom.query.includes("ts="));
  await field.fill("3,1");
  await headroom.page.waitForFunction(() => /ts=3,1/u.test(decodeURIComponent(location.search)));
  assert.match(await headroom.words("flags"), /-ts 3,1/u);
});
