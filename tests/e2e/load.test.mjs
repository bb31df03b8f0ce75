// The page starts wherever it is put, and without an error.
import assert from "node:assert/strict";

import { assertAccessible, pageTest } from "./harness.mjs";
import { serve } from "./server.mjs";

pageTest("opens under a sub-path with a strict policy", {}, async (headroom) => {
  await headroom.open();
  assert.equal(await headroom.page.getByRole("heading", { level: 1 }).count(), 1);
  assert.match(await headroom.page.title(), /Headroom/);
});

pageTest("a query that is no query harms nothing", {}, async (headroom) => {
  await headroom.open("?ctx=%E0%A4%A&=&&bad=%");
  assert.equal(await headroom.page.getByRole("heading", { level: 1 }).count(), 1);
});

pageTest("axe has no complaint", {}, async (headroom) => {
  await headroom.open();
  await assertAccessible(headroom);
});

/** What is said of a page that cannot start, in the reader's language. */
const fatal = async ({ page }) => {
  await page.locator("html[data-fatal]").waitFor();
  return (await page.locator("#fatal").innerText()).replace(/\s+/gu, " ");
};

const WASM = "**/*_bg.wasm";
const application = { contentType: "application/wasm" };

for (const [name, answer] of Object.entries({
  truncated: async (route) => {
    const body = await (await route.fetch()).body();
    await route.fulfill({ ...application, body: body.subarray(0, body.length / 2) });
  },
  empty: (route) => route.fulfill({ ...application, body: "" }),
  "a page of HTML": (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }),
  "HTML called wasm": (route) => route.fulfill({ ...application, body: "<!doctype html>" }),
  missing: (route) => route.fulfill({ status: 404, body: "" }),
  "out of reach": (route) => route.abort(),
})) {
  pageTest(`wasm that is ${name} could not be loaded`, { isBroken: true }, async (headroom) => {
    await headroom.page.route(WASM, answer);
    await headroom.page.goto(headroom.url);
    const said = await fatal(headroom);
    assert.match(said, /could not be loaded/u);
    assert.doesNotMatch(said, /This browser/u);
  });
}

pageTest("a browser that forbids WebAssembly is told of", { isBroken: true }, async (headroom) => {
  await headroom.page.route(headroom.url, async (route) => {
    const response = await route.fetch();
    const policy = response.headers()["content-security-policy"];
    const headers = {
      ...response.headers(),
      "content-security-policy": policy.replace("'wasm-unsafe-eval'", ""),
    };
    await route.fulfill({ response, headers });
  });
  await headroom.page.goto(`${headroom.url}`);
  assert.match(await fatal(headroom), /This browser does not run WebAssembly/u);
});

pageTest("in Russian, too", { isBroken: true, locale: "ru-RU" }, async (headroom) => {
  await headroom.page.route(WASM, (route) => route.fulfill({ ...application, body: "" }));
  await headroom.page.goto(headroom.url);
  assert.match(await fatal(headroom), /^Headroom остановился Один из файлов страницы не загрузился/u);
});

pageTest("what never arrives is told of after ten seconds", { isBroken: true }, async (headroom) => {
  const { page } = headroom;
  const late = (of, lang) => of.locator(`.late[lang=${lang}]`);
  // The app stalls in one tab, its starter is missing in another.
  await page.route(WASM, () => {});
  const other = await page.context().newPage();
  await other.route("**/boot-*.js", (route) => route.abort());
  await Promise.all([page.goto(headroom.url, { waitUntil: "commit" }), other.goto(headroom.url)]);
  await page.locator(".loading").first().waitFor();
  assert.equal(await late(page, "en").isVisible(), false);
  await late(page, "en").waitFor({ timeout: 15_000 });
  assert.equal(await late(page, "ru").isVisible(), false);
  // Without a starter no one knows the reader's language.
  for (const lang of ["en", "ru"]) await late(other, lang).waitFor();
});

for (const [name, headers, act] of [
  ["opens where the host lets it", { "access-control-allow-origin": "*" }, async (frame) => {
    await frame.locator("html[data-ready]").waitFor({ state: "attached" });
    await frame.getByTestId("cell").first().waitFor();
    // What is kept between visits is refused there, and does no harm.
    await frame.getByTestId("cell").nth(1).click();
    assert.equal(await frame.locator("html[data-fatal]").count(), 0);
    const family = await frame.locator("body").evaluate(async () => {
      await document.fonts.ready;
      return [...document.fonts].filter(({ status }) => status === "loaded").length;
    });
    assert.ok(family > 0, "its fonts are loaded");
  }],
  ["says which header is missing", {}, async (frame) => {
    await frame.locator("#fatal").waitFor();
    assert.match(await frame.locator("#fatal").innerText(), /Access-Control-Allow-Origin: \*/u);
  }],
]) {
  pageTest(`a sandboxed frame ${name}`, { isBroken: true }, async ({ page }) => {
    const host = await serve("/", headers);
    try {
      const src = `${host.url}?embed=1&lang=en`;
      await page.setContent(`<iframe sandbox="allow-scripts" width=1000 height=800 src="${src}"></iframe>`);
      await act(page.frameLocator("iframe"));
    } finally {
      await host.close();
    }
  });
}
