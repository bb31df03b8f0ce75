// What is loaded beside the model: set on the page, billed line by line, kept in the link.
import assert from "node:assert/strict";

import { estimate, pageTest } from "./harness.mjs";

const QUERY = "?model=qwen3.6-27b&hw=rtx-4090&quant=Q4_K_M&ctx=8192&cell=0.0.0";

pageTest("what is beside the model has its own lines", {}, async (headroom) => {
  await headroom.open(QUERY);
  await headroom.part("mmproj-select").selectOption("bf16");
  await headroom.part("mtp-input").fill("2");
  await headroom.part("lora-rank-input").fill("16");
  await headroom.part("lora-count-input").fill("2");
  await headroom.part("cache-ram-input").fill("4");
  await headroom.part("checkpoints-input").fill("8");
  await headroom.part("display-select").selectOption("linux");
  const terms = (await headroom.readBill()).map(({ term }) => term);
  for (const term of ["projector", "draft", "lora", "prompt_cache", "checkpoints"]) {
    assert.ok(terms.includes(term), `${term} is among ${terms}`);
  }
  assert.equal(await headroom.part("withheld-item").getAttribute("data-term"), "display");

  // The link has it all, and the command line answers the same.
  const link = await headroom.copyLink();
  for (const pair of ["mmproj=bf16", "mtp=2", "lora=16*2", "cache_ram=4GiB", "display=linux"]) {
    assert.ok(decodeURIComponent(link).includes(pair), `${pair} is in ${link}`);
  }
  const [cell] = estimate(new URL(link).search).cells;
  const billed = (await headroom.readBill()).reduce((sum, { bytes }) => sum + bytes, 0);
  const of = (bill) => bill.items.reduce((sum, { bytes }) => sum + bytes.expected, 0);
  assert.equal(billed, cell.devices.reduce((sum, device) => sum + of(device), 0) + of(cell.host));
});

pageTest("a draft with other tokens is refused, and drafts that fit are offered", {}, async (headroom) => {
  await headroom.open(`${QUERY.replace("qwen3.6-27b", "qwen3-32b")}&draft=llama-3.2-1b-instruct`);
  assert.match(await headroom.words("notice"), /151.?936.*128.?256/u);
  await headroom.part("notice-way").first().click();
  await headroom.cell("qwen3-32b", "Q4_K_M").waitFor();
  assert.match(headroom.query, /draft=qwen3/u);
  assert.equal(await headroom.part("notice").count(), 0);
  assert.ok((await headroom.readBill()).some(({ term }) => term === "draft"));
  // The other way: none at all, chosen from the list.
  await headroom.part("draft-select").selectOption("");
  assert.ok(!(await headroom.readBill()).some(({ term }) => term === "draft"));
});
