// The plan of the open cell: written when it is opened, in the reader's language, for either shell.
import assert from "node:assert/strict";

import { assertAccessible, pageTest, plan } from "./harness.mjs";

const QUERY = "model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M&ctx=16384";

/** The commands and files that the open plan shows. */
const codes = (headroom) => headroom.part("plan-code").allInnerTexts();

/** Opens the plan and waits until it is written. */
async function openPlan(headroom) {
  await headroom.tab("plan");
  await headroom.part("plan-stage").first().waitFor();
}

pageTest("says what the command line says", {}, async (headroom) => {
  await headroom.open(`?${QUERY}`);
  await openPlan(headroom);
  const told = plan(QUERY);
  assert.equal(await headroom.words("plan-why"), told.why);
  const steps = told.sections.flatMap(({ steps }) => steps);
  const wanted = steps.map(({ code }) => code).filter((code) => code !== "");
  assert.deepEqual((await codes(headroom)).map((code) => code.trimEnd()), wanted);
  assert.ok(wanted.some((code) => code.startsWith("llama-server ")));
  await assertAccessible(headroom);
  await headroom.part("plan-copy").first().click();
  await headroom.page.getByText("Copied").first().waitFor();
  assert.equal(await headroom.page.evaluate(() => navigator.clipboard.readText()), wanted[0]);
});

pageTest("follows the question, the language and the shell", {}, async (headroom) => {
  await headroom.open(`?${QUERY}&engine=ollama&lang=ru`);
  await openPlan(headroom);
  assert.match(await headroom.words("plan-why"), /Занимает/u);
  assert.ok((await codes(headroom)).some((code) => code.startsWith("OLLAMA_CONTEXT_LENGTH=16384 ")));
  await headroom.part("plan-shell").last().click();
  await headroom.page.getByText("$env:OLLAMA_CONTEXT_LENGTH='16384'").first().waitFor();
});

pageTest("a step says what it costs in quality when it is looked at", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=rtx-4090&quant=Q8_0");
  await headroom.part("step").first().hover();
  await headroom.part("step-note").first().waitFor();
  assert.match(await headroom.words("step-note"), /perplexity|divergence|no published/u);
});
