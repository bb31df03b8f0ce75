// Where the model lies: what is said of the placement, its settings, and bad input with a way out.
import assert from "node:assert/strict";

import { estimate, pageTest } from "./harness.mjs";

const opened = "&cell=0.0.0";

pageTest("an uneven pair of cards", {}, async (headroom) => {
  const query = "model=qwen3-32b&hw=rtx-4090,rtx-3060-12gb&quant=Q5_K_M";
  await headroom.open(`?${query}${opened}`);
  const [{ placement }] = estimate(query).cells;
  const words = await headroom.words("placement");
  const [first, second] = placement.parts.map(({ layers }) => layers);
  assert.match(words, new RegExp(`layers 1–${first[1]}\\b`, "u"));
  assert.match(words, new RegExp(`layers ${second[0] + 1}–${second[1]}, output head`, "u"));
  assert.match(words, /inputs of 4 batches/u);
});

pageTest("a 235B with experts in RAM", { locale: "ru" }, async (headroom) => {
  const query = "model=qwen3-235b-a22b&hw=rtx-4090&quant=Q4_K_M&ctx=16384&ram=192GiB";
  await headroom.open(`?${query}${opened}`);
  const [{ placement, flags }] = estimate(query).cells;
  assert.equal(placement.reason, "experts_to_host");
  assert.match(await headroom.words("placement"), /эксперты слоёв 1–\d+/u);
  assert.ok((await headroom.words("flags")).includes(flags.find((f) => f.startsWith("--n-cpu-moe"))));
});

pageTest("a Mac whose limit is raised", {}, async (headroom) => {
  await headroom.open(`?model=llama-3.3-70b-instruct&hw=apple-m4-max-40c@64&quant=Q5_K_M&ctx=8192${opened}`);
  assert.equal((await headroom.readTable())[0].verdict === "fits", false);
  await headroom.part("wired-input").fill("58");
  await headroom.part("wired-input").press("Enter");
  await headroom.page.waitForFunction(() => location.search.includes("wired=58GiB"));
  assert.equal((await headroom.readTable())[0].verdict, "fits");
});

pageTest("vLLM on two ranks", {}, async (headroom) => {
  const query = "model=qwen3-32b&hw=h100-sxm*2&quant=BF16&engine=vllm&tp=2";
  await headroom.open(`?${query}${opened}`);
  assert.match(await headroom.words("placement"), /devices 1–2 together layers 1–64, output head/u);
});

pageTest("parts for more devices than there are", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=rtx-4090*2&quant=Q4_K_M&ts=1,2,3");
  assert.match(await headroom.words("notice"), /ts=1,2,3.*2 devices/u);
  await headroom.part("notice-way").first().click();
  await headroom.page.waitForFunction(() => /ts=1,2(&|$)/u.test(decodeURIComponent(location.search)));
  assert.equal(await headroom.part("notice").count(), 0);
});
