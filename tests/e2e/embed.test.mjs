// An answer in somebody else's page.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { assertAccessible, pageTest } from "./harness.mjs";
import { serve } from "./server.mjs";

const QUERY = "model=qwen3-32b&hw=rtx-4090&quant=Q4_K_M&users=2";

/** Somebody's page, on a host of its own and in its own colours, with an answer in it. */
async function openHost({ page, url }, style, attributes = "") {
  const notes = `<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,"><body style="${style}"><main>
    <h1>Notes</h1><script src="${url}embed.js" defer></script>
    <headroom-answer query="${QUERY.replaceAll("&", "&amp;")}" ${attributes}></headroom-answer>
    </main></body></html>`;
  const host = await serve("/", {}, { "/notes": notes });
  page.once("close", host.close);
  await page.goto(new URL("notes", host.url).href);
  const frame = page.frameLocator("iframe");
  await frame.locator("html[data-ready]").waitFor({ state: "attached", timeout: 20_000 });
  return frame;
}

pageTest("an embedded answer says what it answers, and is as high as it needs", {}, async (headroom) => {
  const frame = await openHost(headroom, "background: #fff; color: #222");
  const words = await frame.getByTestId("question-words").innerText();
  for (const part of ["Qwen3-32B", "RTX 4090", "2 people", "32,768", "llama.cpp", "Q4_K_M"]) {
    assert.ok(words.includes(part), `${part} in ${words}`);
  }
  assert.equal(await frame.getByTestId("table").count(), 0, "a card says all of one cell");
  const outer = headroom.page.locator("iframe");
  await headroom.page.waitForFunction(() => {
    const frame = document.querySelector("iframe");
    return frame.offsetHeight > 100 && frame.offsetHeight !== 320;
  });
  const { height } = await outer.boundingBox();
  const inner = await frame.locator("html").evaluate((html) => html.scrollHeight);
  assert.ok(Math.abs(height - inner) <= 1, `a frame of ${height} for ${inner}`);
  assert.match(await outer.getAttribute("title"), /Headroom/u);
  const link = await frame.getByTestId("full-page").getAttribute("href");
  assert.ok(link.includes("qwen3-32b") && !link.includes("embed"), link);
  await assertAccessible(headroom);
});

pageTest("it stands on its host's ground, light or dark", { colorScheme: "light" }, async (headroom) => {
  const frame = await openHost(headroom, "background: #101820; color: #eee", 'label="Qwen3 on a 4090"');
  const look = await frame.locator("html").evaluate((html) => {
    const { backgroundColor } = getComputedStyle(html);
    return [html.dataset.theme, backgroundColor];
  });
  assert.deepEqual(look, ["dark", "rgba(0, 0, 0, 0)"]);
  assert.equal(await headroom.page.locator("iframe").getAttribute("title"), "Qwen3 on a 4090");
});

/** A book of one chapter, built by mdBook; `null` where it is not on PATH. */
function book(chapter) {
  if (spawnSync("mdbook", ["--version"]).error) return null;
  const folder = mkdtempSync(join(tmpdir(), "headroom-book-"));
  mkdirSync(join(folder, "src"));
  writeFileSync(join(folder, "book.toml"), '[book]\ntitle = "Notes"\n');
  writeFileSync(join(folder, "src", "SUMMARY.md"), "[A chapter](chapter.md)\n");
  writeFileSync(join(folder, "src", "chapter.md"), chapter);
  const { status, stderr } = spawnSync("mdbook", ["build", folder]);
  assert.equal(status, 0, String(stderr));
  return folder;
}

pageTest("it stands in a chapter of mdBook, in each of its themes", {}, async ({ page, url }) => {
  const folder = book(`# A chapter

<script src="${url}embed.js" defer></script>
<headroom-answer query="${QUERY.replaceAll("&", "&amp;")}"></headroom-answer>

What follows it.
`);
  if (!folder) return console.log("skipped: mdbook is not on PATH");
  const host = await serve("/", { "content-security-policy": "" }, {}, join(folder, "book"));
  page.once("close", () => {
    host.close();
    rmSync(folder, { recursive: true });
  });
  for (const theme of ["light", "rust", "navy"]) {
    await page.addInitScript((theme) => localStorage.setItem("mdbook-theme", theme), theme);
    await page.goto(new URL("chapter.html", host.url).href, { waitUntil: "networkidle" });
    const frame = page.frameLocator("iframe");
    await frame.getByTestId("answer").waitFor({ timeout: 20_000 });
    const look = await frame.locator("html").evaluate((html) => {
      return [html.dataset.theme, getComputedStyle(html).backgroundColor];
    });
    assert.deepEqual(look, [theme === "navy" ? "dark" : "light", "rgba(0, 0, 0, 0)"]);
    await page.waitForFunction(() => document.querySelector("iframe").offsetHeight !== 320);
    // It is as wide as the text, and what follows is below it.
    const [answer, text] = await Promise.all([
      page.locator("iframe").boundingBox(),
      page.getByText("What follows it.").boundingBox(),
    ]);
    assert.ok(Math.abs(answer.width - text.width) <= 1 && answer.y + answer.height <= text.y, theme);
  }
});
