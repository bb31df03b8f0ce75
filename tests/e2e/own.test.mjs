// What is the reader's own: a device that is not listed, the computer at hand, models read before, and
// words taken back.
import assert from "node:assert/strict";
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { gguf } from "./gguf.mjs";
import { assertAccessible, pageTest } from "./harness.mjs";

const asked = (headroom, key) => new URLSearchParams(headroom.query).get(key);

pageTest("a device that is not listed is described, and changed", {}, async (headroom) => {
  await headroom.open("?model=qwen3-8b&quant=Q4_K_M");
  // The list of devices ends in it.
  const add = headroom.part("machine-add");
  await add.fill("my card");
  await headroom.page.locator("[role=listbox] [role=option]").last().click();
  const form = headroom.part("own-device");
  await form.locator("[data-testid=own-memory]").waitFor({ state: "visible" });
  await headroom.part("own-use").click();
  assert.match(await headroom.part("own-note").innerText(), /How much memory/u);
  await headroom.part("own-name").fill("My card");
  await headroom.part("own-memory").fill("a lot");
  assert.match(await form.innerText(), /0\.5/u, "says what is accepted");
  await headroom.part("own-memory").fill("24");
  await headroom.part("own-bandwidth").fill("900.5");
  await headroom.part("own-vendor").selectOption("AMD");
  await headroom.part("own-use").click();
  await headroom.page.waitForURL(/custom/u);
  assert.equal(asked(headroom, "hw"), "custom:1:name.My-card:vendor.amd:memory.24:bandwidth.900.5");
  assert.match(await headroom.part("slot-hardware").locator("summary").first().innerText(), /My-card/u);
  // Once it is in the question, the form changes it.
  await headroom.part("own-price").fill("1500");
  await headroom.part("own-use").click();
  await headroom.page.waitForURL(/price/u);
  assert.match(asked(headroom, "hw"), /^custom:1:[^;]*price\.1500$/u);
  await assertAccessible(headroom);
});

pageTest("what nvidia-smi prints fills the machine in", {}, async (headroom) => {
  await headroom.open("?model=qwen3-8b&quant=Q4_K_M");
  await headroom.part("this-computer").locator("summary").click();
  await headroom.part("computer-text").fill("nothing of the kind");
  await headroom.part("computer-read").click();
  assert.match(await headroom.part("computer-note").innerText(), /No output/u);
  assert.equal(await headroom.part("computer-text").inputValue(), "nothing of the kind", "is kept");
  await headroom.part("computer-text").fill(
    "GPU 0: NVIDIA GeForce RTX 3090 (UUID: GPU-1)\nGPU 1: NVIDIA GeForce RTX 3090 (UUID: GPU-2)",
  );
  await headroom.part("computer-read").click();
  await headroom.page.waitForURL(/rtx-3090/u);
  assert.equal(asked(headroom, "hw"), "rtx-3090*2");
  assert.match(await headroom.part("computer-note").innerText(), /3090/u);
  assert.equal(asked(headroom, "model"), "qwen3-8b", "the rest of the question stays");
});

pageTest("what the browser calls the device is offered, not assumed", { isAlone: true }, async (headroom) => {
  await headroom.page.addInitScript(() => {
    self.looks = 0;
    const getParameter = WebGLRenderingContext.prototype.getParameter;
    WebGLRenderingContext.prototype.getParameter = function (name) {
      if (name !== 37446) return getParameter.call(this, name);
      self.looks += 1;
      return "ANGLE (NVIDIA, NVIDIA GeForce RTX 4080 SUPER Direct3D11 vs_5_0 ps_5_0, D3D11)";
    };
    // A machine without any graphics has no WebGL either.
    const getContext = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
      if (kind !== "webgl") return getContext.call(this, kind, ...rest);
      return Object.create(WebGLRenderingContext.prototype, { getExtension: { value: () => null } });
    };
  });
  await headroom.open("?model=qwen3-8b&quant=Q4_K_M");
  const before = headroom.query;
  await headroom.part("this-computer").locator("summary").click();
  assert.equal(await headroom.page.evaluate(() => self.looks), 0, "looked at before a press");
  await headroom.part("computer-look").click();
  const option = headroom.part("computer-option").first();
  await option.waitFor();
  assert.equal(headroom.query, before);
  assert.equal(await option.getAttribute("data-value"), "rtx-4080-super");
  await option.click();
  await headroom.page.waitForURL(/hw=rtx-4080-super/u);
});

pageTest("a model that was read is there on the next visit, until it is forgotten", {}, async (headroom) => {
  const folder = mkdtempSync(path.join(tmpdir(), "headroom-"));
  try {
    const file = path.join(folder, "My-Finetune.gguf");
    const { header, size } = gguf("qwen3-8b");
    const handle = openSync(file, "w");
    writeSync(handle, header);
    ftruncateSync(handle, size);
    closeSync(handle);
    await headroom.open("?model=qwen3-8b&quant=Q4_K_M");
    await headroom.part("model-files").setInputFiles(file);
    await headroom.page.waitForURL(/custom/u);
    assert.match(await headroom.part("import-remarks").innerText(), /tensors are those of/u);
    assert.equal(await headroom.part("kept-models").count(), 0, "it is in the question");
  } finally {
    rmSync(folder, { recursive: true });
  }
  // In tabs of their own: a visit that another takes the place of gives up what is on its way.
  const again = () => headroom.openTab("?model=qwen3-8b&quant=Q4_K_M");
  const next = await again();
  await next.part("kept-model-add").click();
  await next.page.waitForURL(/custom/u);
  const third = await again();
  await third.part("kept-model-forget").click();
  await third.part("kept-models").waitFor({ state: "detached" });
  assert.equal(await (await again()).part("kept-models").count(), 0);
});

pageTest("a part that was understood is taken back with its words", {}, async (headroom) => {
  await headroom.open();
  await headroom.page.locator("html[data-rest=here]").waitFor();
  await headroom.part("ask").fill("qwen3 32b on 2x3090 at 32k");
  const chips = headroom.part("ask-chip");
  await chips.filter({ hasText: /3090/u }).getByRole("button").click();
  await headroom.page.waitForFunction(() => !document.querySelector("[data-testid=ask]").value.includes("3090"));
  assert.match(await headroom.part("ask").inputValue(), /32b.*32k/u, "the other words stay");
  await chips.filter({ hasText: /3090/u }).waitFor({ state: "detached" });
  assert.ok(await chips.filter({ hasText: /Qwen3-32B/iu }).count());
  await assertAccessible(headroom);
});

pageTest("several lines pasted into the ask box are a computer", {}, async (headroom) => {
  await headroom.open();
  await headroom.page.locator("html[data-rest=here]").waitFor();
  const lines = "  CUDA0: NVIDIA GeForce RTX 3090 (24135 MiB, 23111 MiB free)\n  CUDA1: NVIDIA GeForce RTX 3090 (24135 MiB, 24000 MiB free)";
  await headroom.page.evaluate((text) => navigator.clipboard.writeText(text), lines);
  await headroom.part("ask").focus();
  await headroom.page.keyboard.press("ControlOrMeta+V");
  await headroom.page.waitForURL(/rtx-3090/u);
  assert.equal(asked(headroom, "hw"), "rtx-3090*2");
  assert.equal(asked(headroom, "reserve"), "1GiB", "what others use is left to them");
});

pageTest("a picker takes what people type", {}, async (headroom) => {
  await headroom.open("?model=qwen3-8b&quant=Q4_K_M&hw=rtx-4090");
  await headroom.page.locator("html[data-rest=here]").waitFor();
  const pick = async (field, text) => {
    await headroom.part(field).fill(text);
    await headroom.page.locator("[role=listbox] [role=option]").first().click();
  };
  await pick("machine-add", "2x3090");
  await headroom.page.waitForURL(/rtx-3090\*2/u);
  await pick("machine-add", "m4 max 128");
  await headroom.page.waitForURL(/apple-m4-max-40c@128|apple-m4-max-40c%40128/u);
  await pick("model-pick", "llama3.1:8b-instruct");
  await headroom.page.waitForURL(/llama-3\.1-8b-instruct/u);
  await pick("quant-add", "8 bit");
  await headroom.page.waitForURL(/Q8_0/u);
});
