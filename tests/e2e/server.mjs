// A plain static host, as strict as one may be: the page lies in a sub-path, nothing else exists,
// and every answer carries a Content-Security-Policy.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".woff2": "font/woff2",
};

const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self' https://huggingface.co https://*.hf.co",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** The folder that `cargo xtask build` fills, or another with a page in it. */
export const dist = process.env.HEADROOM_DIST ?? fileURLToPath(new URL("../../dist/", import.meta.url));

/**
 * Serves `folder` (to addresses of up to 1 MB) at `path` on a free port, with further `headers`; beside
 * it `pages`, HTML by path. `url` is the page's address, `close` ends it.
 */
export async function serve(path = "/tools/headroom/", headers = {}, pages = {}, folder = dist) {
  const server = createServer({ maxHeaderSize: 1 << 20 }, async (request, response) => {
    const asked = decodeURIComponent(new URL(request.url, "http://host").pathname);
    const file = normalize(asked.slice(path.length)) === "." ? "index.html" : asked.slice(path.length);
    if (asked in pages) {
      response.writeHead(200, { "content-type": TYPES[".html"] });
      response.end(pages[asked]);
      return;
    }
    try {
      if (!asked.startsWith(path) || file.includes("..")) throw new Error("outside");
      const body = await readFile(join(folder, file));
      response.writeHead(200, {
        "content-type": TYPES[extname(file)] ?? "application/octet-stream",
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        ...headers,
      });
      response.end(body);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" });
      response.end("not here");
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}${path}`,
    close: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}
