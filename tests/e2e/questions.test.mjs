// The four questions, asked as somebody does who has never seen the page: from the first visit, in at
// most three actions.
import assert from "node:assert/strict";

import { assertAccessible, estimate, pageTest } from "./harness.mjs";

/** Types a question into the ask box and waits until it was read. */
async function ask(headroom, text) {
  await headroom.part("ask").fill(text);
  await headroom.page.locator("[data-testid=ask-go], [data-testid=ask-option]").first().waitFor();
}

/** Waits for a ranking to be complete; its rows as they are shown. */
async function ranked(headroom) {
  await headroom.page.locator("[data-testid=ranking][aria-busy=false]").waitFor({ timeout: 45_000 });
  return headroom.part("ranking-row").evaluateAll((rows) => rows.map(({ dataset }) => ({ ...dataset })));
}

for (const locale of ["en-GB", "ru-RU"]) {
  const words = {
    "en-GB": { coding: "2x RTX 3090 + 64 GB RAM, what for coding at 32k", need: "what do I need for gpt-oss-120b at 128k" },
    "ru-RU": { coding: "две 3090 и 64 гб озу, какую модель для кода на 32к", need: "что нужно для gpt-oss-120b на 128к" },
  }[locale];

  pageTest(`what runs on two cards (${locale})`, { locale }, async (headroom) => {
    await headroom.open("", { folded: true });
    await ask(headroom, words.coding);
    await headroom.part("ask").press("Enter");
    const rows = await ranked(headroom);
    assert.match(headroom.query, /model=\*.*hw=rtx-3090\*2/u);
    assert.ok(rows.length > 10, String(rows.length));
    assert.ok(rows.every(({ machine }) => machine === "rtx-3090*2"));
    await assertAccessible(headroom);
  });

  pageTest(`what a model needs (${locale})`, { locale }, async (headroom) => {
    await headroom.open("", { folded: true });
    await ask(headroom, words.need);
    await headroom.part("ask").press("Enter");
    const rows = await ranked(headroom);
    assert.match(headroom.query, /model=gpt-oss-120b.*hw=\*.*ctx=131072/u);
    assert.ok(rows.length > 10 && rows.every(({ model }) => model === "gpt-oss-120b"));
    // A row opens as the answer that it promised.
    const { query, machine } = rows[0];
    await headroom.part("ranking-row").first().getByRole("button").click();
    await headroom.part("bill").waitFor();
    const [cell] = estimate(query).cells;
    assert.equal(cell.hardware, machine);
    const bytes = await headroom.page.locator("[data-testid=cell][data-bytes]").first().getAttribute("data-bytes");
    assert.equal(Number(bytes), cell.device_bytes.expected);
  });
}

pageTest("a model that spills is brought onto the card by one click", {}, async (headroom) => {
  await headroom.open("", { folded: true });
  await ask(headroom, "Qwen3-32B on a 4090");
  await headroom.part("ask").press("Enter");
  // Steps of the question before are not offered any more.
  const step = headroom.page.locator("[data-testid=steps]:not([inert]) [data-testid=step]").first();
  await step.waitFor();
  const query = await step.getAttribute("data-query");
  assert.match(query, /kv=q8_0/u);
  await step.click();
  assert.match(headroom.query, /kv=q8_0/u);
  await headroom.page.locator("[data-testid=answer][data-verdict=fits]").waitFor();
  assert.match(await headroom.words("answer"), /^Yes/u);
  const [cell] = estimate(query).cells;
  assert.equal(cell.verdict, "fits");
  assert.match(cell.command, /^llama-server -(hf|m) \S*Qwen3-32B/u);
  assert.ok((await headroom.page.locator(".answer-command").innerText()).includes(cell.command));
});

pageTest("a format is asked of an engine that loads it, and users of its paged cache", {}, async (headroom) => {
  await headroom.open("", { folded: true });
  await ask(headroom, "Qwen3-32B FP8 for 50 people (1,024 + 512 tokens), H100");
  await headroom.part("ask").press("Enter");
  await headroom.page.locator("[data-testid=answer][data-verdict=fits]").waitFor();
  assert.match(headroom.query, /hw=h100-sxm.*quant=FP8.*engine=vllm.*users=50/u);
});

pageTest("two engines are compared on a Mac", {}, async (headroom) => {
  await headroom.open("", { folded: true });
  await ask(headroom, "M3 Max 64 GB, GLM-4.5-Air in LM Studio or MLX");
  await headroom.part("ask").press("Enter");
  await headroom.part("steps").waitFor();
  const engines = await headroom.part("cell").evaluateAll((cells) => cells.map((cell) => cell.dataset.engine));
  assert.ok(new Set(engines).size >= 2, String(engines));
  assert.match(await headroom.words("steps"), /MLX-\dbit|Q\d|IQ\d/u);
});

pageTest("what can mean several things is a choice", {}, async (headroom) => {
  await headroom.open("", { folded: true });
  await headroom.page.keyboard.press("/");
  await headroom.page.keyboard.type("72b on rtx 6000 bw?");
  const option = headroom.page.locator("[data-testid=ask-option][data-value=\"qwen2.5-72b-instruct\"]");
  await option.waitFor();
  await assertAccessible(headroom);
  await option.click();
  assert.match(headroom.query, /model=qwen2\.5-72b-instruct/u);
  assert.match(await headroom.words("answer"), /^Yes: Qwen2\.5-72B/u);
});

pageTest("a slot that is emptied is what is asked", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=rtx-4090", { folded: true });
  await headroom.part("slot-hardware").locator("summary").click();
  await headroom.page.locator("[data-testid=any-of][data-axis=hardware]").click();
  await headroom.part("ranking-row").first().waitFor();
  assert.match(headroom.query, /hw=\*/u);
  await headroom.page.goBack();
  await headroom.part("bill").waitFor();
});

pageTest("nonsense is told, and nothing is lost", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=rtx-4090", { folded: true });
  await headroom.part("ask").fill("zzqq xxyy");
  await headroom.part("ask-ignored").waitFor();
  await headroom.part("ask").press("Enter");
  assert.match(headroom.query, /model=qwen3-32b&hw=rtx-4090/u);
});
