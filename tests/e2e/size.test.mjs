// The page stays small.
import assert from "node:assert/strict";
import { test } from "node:test";

import { brotliOf, sizes } from "./size.mjs";

// Bytes after brotli -q 11, the most that a first visit may cost; "late" is what comes once it is
// answered.
const BUDGET = {
  html: 6_000,
  css: 16_000,
  js: 12_000,
  wasm: 386_000,
  woff2: 80_000,
  "late js": 3_000,
  "late wasm": 603_000,
};

test("every kind of file is within its budget", () => {
  const found = sizes();
  console.table(found);
  for (const [kind, { brotli }] of Object.entries(found)) {
    assert.ok(brotli <= BUDGET[kind], `${kind}: ${brotli} bytes, budget ${BUDGET[kind]}`);
  }
});

test("the answer of a first visit is read within 110 kB", () => {
  // Its markup, its looks, what decides that it is shown, and its typeface: all but the app.
  const parts = ["index.html", /\.css$/u, /^boot-.*\.js$/u, /plex-sans-latin\.woff2$/u];
  const bytes = brotliOf((name) => parts.some((part) => (part.test ? part.test(name) : part === name)));
  console.log(`${bytes} bytes until the answer is read`);
  assert.ok(bytes > 20_000 && bytes <= 110_000, `${bytes} bytes`);
});
