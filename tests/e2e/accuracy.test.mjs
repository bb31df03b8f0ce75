// The accuracy page: reached from the answer, shows its errors first, filters, sorts, and leads
// back. What it shows is written as text in docs.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { assertAccessible, pageTest } from "./harness.mjs";

const table = JSON.parse(await readFile(new URL("../../docs/accuracy.json", import.meta.url), "utf8"));

pageTest("leads from a bill to that engine's errors and back", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=h100-sxm&engine=vllm&quant=FP8");
  await headroom.part("bill-accuracy").click();
  await headroom.part("accuracy-group").first().waitFor();
  assert.match(headroom.query, /view=accuracy,vLLM/u);
  const engines = await headroom.page.locator(".summary-engine").allInnerTexts();
  assert.ok(engines.length > 5 && engines.every((name) => name === "vLLM"), String(engines));

  await headroom.part("accuracy-back").click();
  await headroom.part("bill").waitFor();
  await headroom.page.goBack();
  await headroom.part("accuracy-group").first().waitFor();
});

pageTest("says how many figures lie outside, and lists those first", {}, async (headroom) => {
  await headroom.open("?view=accuracy");
  const outside = table.memory.rows.filter((row) => !row.covered).length;
  const lead = await headroom.words("accuracy-lead");
  assert.ok(lead.startsWith(`${outside} of ${table.memory.rows.length} `), lead);

  const first = headroom.part("accuracy-case").first();
  assert.equal(await first.getAttribute("data-covered"), "false");
  const { why } = table.memory.rows[0];
  assert.ok((await first.innerText()).includes(table.reasons[why].en));
  const links = headroom.page.locator(".case-source a");
  assert.match(await links.first().getAttribute("href"), /^https:/u);

  await headroom.part("accuracy-all").click();
  assert.equal(await headroom.part("accuracy-case").count(), table.memory.rows.length);
});

pageTest("narrows to an engine and a figure, and sorts by the keyboard", {}, async (headroom) => {
  await headroom.open("?view=accuracy");
  await headroom.part("accuracy-speed").click();
  await headroom.part("accuracy-engine").selectOption("llama.cpp");
  await headroom.part("accuracy-figure").selectOption("prefill");
  const other = await headroom.openTab(await headroom.copyLink());
  await other.part("accuracy-group").first().waitFor();
  const of = table.speed.groups.filter((g) => g.engine === "llama.cpp" && g.figure === "prefill");
  assert.equal(await other.part("accuracy-group").count(), of.length);

  const median = other.page.getByRole("button", { name: "Median error" });
  await median.press("Enter");
  const shown = await other.part("accuracy-group").first().locator("td").nth(1).innerText();
  const worst = Math.max(...of.map((g) => g.summary.median));
  assert.equal(shown, `${Math.round(worst * 100)}%`);
  assert.equal(await other.page.locator("th[aria-sort=descending]").count(), 1);
});

for (const [device, width] of Object.entries({ desktop: 1280, phone: 320 })) {
  for (const locale of ["en-GB", "ru-RU"]) {
    const viewport = { width, height: 800 };
    pageTest(`accuracy looks right: ${device}, ${locale}`, { viewport, locale }, async (headroom) => {
      for (const query of ["?view=accuracy", "?view=accuracy,speed&theme=dark"]) {
        await headroom.open(query);
        await headroom.part("accuracy-group").first().waitFor();
        await assertAccessible(headroom);
        assert.ok((await headroom.overflow()) <= 0, "the page scrolls sideways");
      }
    });
  }
}

pageTest("shows what the link asks for, even where there is nothing of it", {}, async (headroom) => {
  await headroom.open("?view=accuracy,NoSuchEngine");
  await headroom.part("accuracy-groups").waitFor();
  assert.equal(await headroom.part("accuracy-engine").inputValue(), "NoSuchEngine");
  assert.equal(await headroom.part("accuracy-case").count(), 0);
  await headroom.part("accuracy-engine").selectOption("");
  await headroom.part("accuracy-case").first().waitFor();
  await headroom.part("accuracy-speed").click();
  await headroom.part("accuracy-figure").selectOption("decode");
  await headroom.part("lang-ru").click();
  assert.equal(await headroom.part("accuracy-figure").inputValue(), "decode");
});

for (const [width, place, below] of [[1440, "accuracy-link", 160], [390, "footer-accuracy"], [320, "footer-accuracy"]]) {
  const options = { viewport: { width, height: 800 } };
  pageTest(`is reached at ${width} pixels`, options, async (headroom) => {
    await headroom.open();
    const link = headroom.part(place);
    const { y, height } = await link.boundingBox();
    assert.ok((below === undefined || y + height < below) && height >= 24, `${y}, ${height}`);
    await link.click();
    await headroom.part("accuracy-case").first().waitFor();
    assert.equal(await link.getAttribute("aria-current"), "page");
    await headroom.part("accuracy-back").click();
    assert.equal(await link.getAttribute("aria-current"), null);
  });
}

pageTest("is reached from a figure, at its engine's speeds", {}, async (headroom) => {
  await headroom.open("?model=qwen3-32b&hw=h100-sxm&engine=vllm&quant=FP8");
  assert.match(await headroom.words("answer-accuracy"), /typical error [\d.]+ %, \d+ measured/u);
  await headroom.part("answer-accuracy").click();
  await headroom.part("accuracy-case").first().waitFor();
  assert.match(decodeURIComponent(headroom.query), /view=accuracy,speed,device=Hopper.datacenter,vLLM/u);
});

pageTest("a dot a figure, of the reader's engine and device first", {}, async (headroom) => {
  await headroom.open("?model=qwen3-8b&hw=rtx-4090&quant=Q4_K_M");
  await headroom.page.locator("html[data-rest=here]").waitFor();
  await headroom.part("answer-accuracy").click();
  const scatter = headroom.part("accuracy-scatter");
  await scatter.waitFor();
  assert.match(decodeURIComponent(headroom.query).replaceAll("+", " "), /device=Ada Lovelace,llama\.cpp/u);
  const of = (family) =>
    table.speed.groups
      .filter((g) => g.engine === "llama.cpp" && g.figure === "decode" && (!family || g.family === family))
      .flatMap((g) => g.points ?? []);
  await headroom.part("accuracy-figure").selectOption("decode");
  const dots = async () => {
    const paths = await scatter.locator(".chart-dots").evaluateAll((all) => all.map((path) => path.getAttribute("d")));
    return paths.join("").split("M").length - 1;
  };
  assert.ok(of("Ada Lovelace").length > 50);
  assert.equal(await dots(), of("Ada Lovelace").length);
  // The nearest dot is read out.
  const [measured, expected] = of("Ada Lovelace")[0];
  const box = await headroom.part("scatter-hit").boundingBox();
  const all = of("Ada Lovelace").flatMap(([a, b]) => [a, b]);
  const [from, to] = [Math.min(...all) / 1.2, Math.max(...all) * 1.2];
  const share = (value) => Math.log(value / from) / Math.log(to / from);
  await headroom.page.mouse.move(box.x + share(measured) * box.width, box.y + (1 - share(expected)) * box.height);
  assert.match(await headroom.words("scatter-read"), /^Measured .* predicted .*%/u);
  await assertAccessible(headroom);
  await headroom.part("accuracy-family").selectOption("");
  await headroom.page.waitForFunction(() => !location.search.includes("Ada"));
  assert.equal(await dots(), of().length);
});
