// What the page weighs on its way to the reader: `node tests/e2e/size.mjs`.
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

import { dist } from "./server.mjs";

/** For each kind of file that the first visit loads, its bytes: raw, gzip -9 and brotli -q 11. */
export function sizes() {
  const kinds = {};
  for (const name of readdirSync(dist, { recursive: true })) {
    // The rest of the app comes once the first part is here, and what asks the hub or saves a file at a press.
    const late = name.includes("_rest.") || ["hub.js", "save.js"].includes(name) ? "late " : "";
    const kind = late + extname(name).slice(1);
    if (!["html", "css", "js", "wasm", "woff2"].includes(extname(name).slice(1))) continue;
    const body = readFileSync(join(dist, name));
    kinds[kind] ??= { raw: 0, gzip: 0, brotli: 0 };
    kinds[kind].raw += body.length;
    kinds[kind].gzip += gzipSync(body, { level: 9 }).length;
    kinds[kind].brotli += brotliCompressSync(body).length;
  }
  return kinds;
}

/** Bytes, after brotli -q 11, of the files whose names `are` wanted. */
export function brotliOf(are) {
  const names = readdirSync(dist, { recursive: true }).filter(are);
  return names.reduce((sum, name) => sum + brotliCompressSync(readFileSync(join(dist, name))).length, 0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.table(sizes());
