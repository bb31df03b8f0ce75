// A model read from the reader's own files: by their beginnings alone, and nothing is sent anywhere.
import assert from "node:assert/strict";
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { pageTest, tensors } from "./harness.mjs";

const ID = "qwen2.5-72b-instruct";
const ALIGNMENT = 32n;
// The numbers of ggml's types, of those that the mix has.
const TYPES = { F32: 0, Q5_0: 6, Q8_0: 8, Q4_K: 12, Q5_K: 13, Q6_K: 14 };

const u32 = (n) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(n);
  return bytes;
};
const u64 = (n) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(n));
  return bytes;
};
const text = (words) => Buffer.concat([u64(Buffer.byteLength(words)), Buffer.from(words)]);

// The header of the model's GGUF file as a converter writes it, and the size of the whole file.
function gguf() {
  const { arch, tensors: list } = tensors(ID, "Q4_K_M");
  const whole = (key, n) => Buffer.concat([text(`${arch}.${key}`), u32(4), u32(n)]);
  const pairs = [
    Buffer.concat([text("general.architecture"), u32(8), text(arch)]),
    whole("block_count", 80),
    whole("embedding_length", 8192),
    whole("attention.head_count", 64),
    whole("attention.head_count_kv", 8),
    whole("context_length", 32768),
    // A tokenizer of some megabytes, which is read over.
    Buffer.concat([
      text("tokenizer.ggml.tokens"), u32(9), u32(8), u64(150000),
      Buffer.concat(Array.from({ length: 150000 }, (_, n) => text(`token ${n}`))),
    ]),
  ];
  let offset = 0n;
  const infos = list.map(({ name, shape, type, bytes }) => {
    const info = Buffer.concat([
      text(name), u32(shape.length), ...shape.map(u64), u32(TYPES[type]), u64(offset),
    ]);
    offset += ((BigInt(bytes) + ALIGNMENT - 1n) / ALIGNMENT) * ALIGNMENT;
    return info;
  });
  const header = Buffer.concat([
    Buffer.from("GGUF"), u32(3), u64(list.length), u64(pairs.length), ...pairs, ...infos,
  ]);
  const bytes = list.reduce((sum, tensor) => sum + tensor.bytes, 0);
  return { header, bytes, size: Math.ceil(header.length / 32) * 32 + Number(offset) };
}

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
  const { header, size } = gguf();
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
