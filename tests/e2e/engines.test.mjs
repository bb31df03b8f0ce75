// Engines side by side: each in its own format, and in words why they differ.
import assert from "node:assert/strict";

import { assertAccessible, estimate, pageTest } from "./harness.mjs";

const QUERY = "?model=gemma-3-27b-it&hw=h100-sxm5-80gb&quant=Q8_0,Q4_K_M&ctx=65536";

pageTest("engines are ticked with the keyboard; each shows what it loads", {}, async (headroom) => {
  await headroom.open(QUERY);
  const vllm = headroom.page.locator("[data-testid=engine][data-engine=vllm]");
  await vllm.focus();
  await headroom.page.keyboard.press("Space");
  assert.match(headroom.query, /engine=llama\.cpp,vllm/u);

  const { cells } = estimate(headroom.query);
  for (const { engine, quant, requested_quant, device_bytes } of cells) {
    const cell = headroom.page.locator(
      `[data-testid=cell][data-engine="${engine}"][data-quant="${requested_quant ?? quant}"]`,
    );
    assert.equal(await cell.getAttribute("data-bytes"), String(device_bytes.expected));
    if (requested_quant !== null) assert.match(await cell.innerText(), new RegExp(quant, "u"));
  }
  assert.deepEqual(
    cells.map(({ quant }) => quant),
    ["Q8_0", "FP8", "Q4_K_M", "AWQ"],
  );
  assert.match(await headroom.page.locator(".answer-then").innerText(), /2 of the 2 engines/u);
  await assertAccessible(headroom);

  // vLLM alone: the columns become its formats.
  await headroom.page.locator('[data-testid=engine][data-engine="llama.cpp"]').uncheck();
  assert.match(headroom.query, /quant=FP8,AWQ/u);
  assert.match(await headroom.part("flags").innerText(), /^vllm serve /u);
});

for (const locale of ["en-GB", "ru-RU"]) {
  pageTest(`the bill tells why engines differ (${locale})`, { locale }, async (headroom) => {
    const query = `${QUERY}&engine=llama.cpp,vllm,exllamav3&cell=0.0.0.0`;
    await headroom.open(query);
    const { cells } = estimate(query);
    const bytes = (name) => {
      const { device_bytes } = cells.find(({ engine }) => engine === name);
      return device_bytes.expected;
    };
    const differences = headroom.part("difference");
    assert.equal(await differences.count(), 2);
    for (const engine of ["vllm", "exllamav3"]) {
      const difference = headroom.page.locator(`[data-testid=difference][data-engine=${engine}]`);
      const reasons = await difference.locator("[data-testid=reason]").evaluateAll((all) =>
        all.map(({ dataset }) => Number(dataset.bytes)),
      );
      const sum = reasons.reduce((sum, bytes) => sum + bytes, 0);
      assert.equal(sum, bytes(engine) - bytes("llama.cpp"), "the reasons add up");
    }
    const words = await headroom.words("differences");
    if (locale === "en-GB") {
      assert.match(words, /In sliding-window layers ExLlamaV3 keeps the whole context/u);
      assert.match(words, /vLLM takes 92 % of what it sees of a device whatever the model/u);
    } else {
      assert.match(words, /В слоях со скользящим окном ExLlamaV3 хранит весь контекст/u);
      assert.match(words, /vLLM забирает 92 %/u);
    }
    await assertAccessible(headroom);
  });
}

pageTest("an engine that cannot run here says so in its cells", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=rtx-4090;apple-m4-max-40c@64&engine=llama.cpp,mlx");
  assert.equal(await headroom.part("notice").count(), 0, "MLX does run on one of the machines");
  const refused = headroom.page.locator("[data-testid=cell][data-machine=rtx-4090][data-engine=mlx]");
  assert.equal(await refused.count(), 3);
  assert.match(await refused.first().innerText(), /MLX/u);
  await headroom.open("?model=qwen3-32b&hw=rtx-4090&engine=llama.cpp,mlx");
  assert.equal(await headroom.part("notice").count(), 1, "told once, not for each column");
});

pageTest("copies stand side by side on groups of devices", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=rtx-3090*4&quant=Q8_0");
  const { cells } = estimate(headroom.query);
  assert.deepEqual([cells[0].copies, cells[0].copy_devices], [2, 2]);
  assert.match(await headroom.part("copies").innerText(), /^2 on 2 each/u);
  assert.equal(await headroom.part("bill-copies").innerText(), "2");
});
