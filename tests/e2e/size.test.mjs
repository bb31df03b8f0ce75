// The page stays small.
import assert from "node:assert/strict";
import { test } from "node:test";

import { sizes } from "./size.mjs";

// Bytes after brotli -q 11, the most that a first visit may cost; "late" is what comes later, when it
// is asked for.
const BUDGET = {
  html: 4_000,
  css: 16_000,
  js: 12_000,
  wasm: 690_000,
  woff2: 80_000,
  "late js": 4_000,
  "late wasm": 200_000,
};

test("every kind of file is within its budget", () => {
  const found = sizes();
  console.table(found);
  for (const [kind, { brotli }] of Object.entries(found)) {
    assert.ok(brotli <= BUDGET[kind], `${kind}: ${brotli} bytes, budget ${BUDGET[kind]}`);
  }
});
