// Photographs the built page into tests/e2e/artifacts: each language, scheme and width.
// `cargo xtask screenshots [query]`, where the query says what is shown (`?ctx=8192`).
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { launch } from "./browser.mjs";
import { HeadroomPage } from "./headroom-page.mjs";
import { serve } from "./server.mjs";

const artifacts = fileURLToPath(new URL("artifacts/", import.meta.url));
const widths = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const query = process.argv[2] ?? "";

mkdirSync(artifacts, { recursive: true });
const [browser, host] = await Promise.all([launch(), serve()]);
try {
  for (const [device, viewport] of Object.entries(widths)) {
    for (const colorScheme of ["light", "dark"]) {
      for (const locale of ["en", "ru"]) {
        const page = await browser.newPage({ viewport, colorScheme, locale });
        await new HeadroomPage(page, host.url).open(query, { folded: true });
        const path = `${artifacts}${device}-${colorScheme}-${locale}.png`;
        await page.screenshot({ path, fullPage: true });
        await page.close();
        console.log(path);
      }
    }
  }
} finally {
  await browser.close();
  await host.close();
}
