// A model read from the reader's own files: by their beginnings alone, and nothing is sent anywhere.
import assert from "node:assert/strict";
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { gguf } from "./gguf.mjs";
import { pageTest } from "./harness.mjs";

const ID = "qwen2.5-72b-instruct";

function inFolder(act) {
  return async (headroom) => {
    const folder = mkdtempSync(path.join(tmpdir(), "headroom-"));
    try {
      await act(headroom, folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}

pageTest("a sparse GGUF file of 40 GB is read in a second", {}, inFolder(async (headroom, folder) => {
  const { header, size } = gguf(ID);
  assert.ok(size > 40e9);
  const file = path.join(folder, "Qwen2.5-72B-Instruct-Q4_K_M.gguf");
  const handle = openSync(file, "w");
  writeSync(handle, header);
  ftruncateSync(handle, size);
  closeSync(handle);
  await headroom.open(`?model=${ID}&quant=Q4_K_M`);
  const known = await headroom.cell(ID, "Q4_K_M").innerText();
  // What of the file is read.
  await headroom.page.evaluate(() => {
    const slice = Blob.prototype.slice;
    self.bytesRead = 0;
    Blob.prototype.slice = function (from, to) {
      self.bytesRead += to - from;
      return slice.call(this, from, to);
    };
  });
  const start = Date.now();
  await headroom.part("model-files").setInputFiles(file);
  await headroom.page.waitForFunction(() => location.search.includes("custom:1:"));
  assert.ok(Date.now() - start < 5000, `${Date.now() - start} ms, with loading the module`);
  assert.ok(await headroom.page.evaluate(() => self.bytesRead) < 64 * 2 ** 20);
  const id = new URLSearchParams(headroom.query).get("model").split(",").at(-1);
  assert.ok(id.length < 2000, `${id.length}`);
  // But for the name, which is the file's.
  const figures = (words) => words.split("\n").slice(1);
  assert.deepEqual(figures(await headroom.cell(id, "Q4_K_M").innerText()), figures(known));
}));

pageTest("a file that cannot be used is said, and the page keeps its state", {}, inFolder(async (headroom, folder) => {
  await headroom.open(`?model=${ID}&quant=Q4_K_M`);
  const before = headroom.query;
  const file = path.join(folder, "config.json");
  for (const [contents, words] of [
    ["<!DOCTYPE html><h1>404</h1>", /web page/u],
    ['{"model_type": "llama", "hidden_size": -1}', /hidden_size/u],
    ["{", /JSON/u],
  ]) {
    writeFileSync(file, contents);
    await headroom.part("model-files").setInputFiles(file);
    await headroom.part("model-files-failed").filter({ hasText: words }).waitFor();
    assert.equal(headroom.query, before);
  }
}));
