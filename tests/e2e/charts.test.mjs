// Charts, users, money: what they show is what the command line prints, and it can be had without
// eyes, without a pointer and in the reader's own currency.
import assert from "node:assert/strict";

import { assertAccessible, estimate, pageTest } from "./harness.mjs";

const QUERY = "?model=qwen3-32b&hw=rtx-4090*2&quant=Q4_K_M&ctx=16384&users=2&offload=none";
/** The charts of each tab. */
const CHARTS = {
  memory: ["chart-memory-context", "chart-memory-users", "chart-frontier"],
  speed: ["chart-depth"],
  serving: ["chart-throughput", "chart-tpot"],
  cost: [],
  plan: [],
};

/** The exact numbers of a chart's table, row by row, and which row is the question's. */
async function readChart(headroom, chart) {
  const table = headroom.part(chart).getByTestId("chart-table");
  await table.locator("tbody tr").first().waitFor({ state: "attached" });
  return table.evaluate((table) => {
    const rows = [...table.querySelectorAll("tbody tr")];
    const number = (cell) => ("value" in cell.dataset ? Number(cell.dataset.value) : null);
    return {
      columns: [...table.querySelectorAll("thead th")].map((cell) => cell.textContent),
      rows: rows.map((row) => [...row.children].map(number)),
      asked: rows.findIndex((row) => row.getAttribute("aria-current") === "true"),
    };
  });
}

/** The same figure, but for what another processor's powers and roots round off. */
function assertSame(actual, expected) {
  const off = Math.abs(actual - expected);
  assert.ok(off <= 1e-9 * Math.abs(expected), `${actual} is not ${expected}`);
}

const number = async (part) => Number(await part.first().getAttribute("data-value"));

/**
 * What the lines of a bill add up to, expected and at most, but for what is kept after prompts: those
 * of the file together, the others independently of each other.
 */
function needed({ items }) {
  const lines = items.filter(({ term }) => term !== "kept");
  assert.ok(lines.length < items.length, "a CUDA device keeps something");
  const isOfFile = ({ term }) => ["weights", "tied_output"].includes(term);
  const above = ({ bytes }) => bytes.high - bytes.expected;
  const file = lines.filter(isOfFile).reduce((sum, line) => sum + above(line), 0);
  const others = lines.filter((line) => !isOfFile(line));
  const squares = others.reduce((sum, line) => sum + above(line) ** 2, 0) + file ** 2;
  const expected = lines.reduce((sum, { bytes }) => sum + bytes.expected, 0);
  return [expected, expected + Math.round(Math.sqrt(squares))];
}

pageTest("the charts' tables are the command line's figures", {}, async (headroom) => {
  await headroom.open(QUERY);
  const cell = (query) => estimate(query).cells[0];
  const asked = cell(QUERY);
  const room = ({ usable_bytes, used_bytes }) => usable_bytes - used_bytes.expected;
  const fullest = asked.devices.reduce(
    (at, device, i) => (room(device) < room(asked.devices[at]) ? i : at),
    0,
  );

  const memory = await readChart(headroom, "chart-memory-context");
  assert.equal(memory.columns.at(-2), "Total");
  // The placement is fixed, so that every point is the answer to a question of its own.
  for (const row of memory.rows) {
    const bill = cell(QUERY.replace("ctx=16384", `ctx=${row[0]}`)).devices[fullest];
    assert.deepEqual(row.slice(-2), needed(bill), `at ${row[0]} tokens`);
  }

  const frontier = await readChart(headroom, "chart-frontier");
  assert.deepEqual(frontier.rows[frontier.asked], [2, asked.max_context]);
  await headroom.tab("speed");
  const depth = await readChart(headroom, "chart-depth");
  const { low, expected, high } = asked.decode_tps;
  [16384, expected, low, high].forEach((n, i) => assertSame(depth.rows[depth.asked][i], n));
  await headroom.tab("serving");
  const throughput = await readChart(headroom, "chart-throughput");
  assertSame(throughput.rows[throughput.asked][1], asked.throughput_tps.expected);
  const tpot = await readChart(headroom, "chart-tpot");
  const [users, perToken, , , first] = tpot.rows[tpot.asked];
  assert.equal(users, 2);
  assertSame(perToken, asked.tpot_s.expected);
  assertSame(first, asked.ttft_s.expected);
});

pageTest("a chart is read by arrow keys and by pointer", {}, async (headroom) => {
  await headroom.open(QUERY);
  const chart = headroom.part("chart-memory-context");
  const { rows, asked } = await readChart(headroom, "chart-memory-context");
  const keys = chart.getByTestId("chart-keys");
  await keys.focus();
  const said = () => keys.getAttribute("aria-valuetext");
  const before = await said();
  await headroom.page.keyboard.press("ArrowRight");
  assert.equal(await keys.inputValue(), String(asked + 1));
  assert.notEqual(await said(), before);
  await headroom.page.keyboard.press("Home");
  assert.ok((await said()).startsWith(rows[0][0].toLocaleString("en")), await said());
  assert.equal(await chart.getByTestId("chart-read").innerText(), await said());

  await keys.blur();
  const hit = chart.getByTestId("chart-hit");
  const { width, height } = await hit.boundingBox();
  await hit.hover({ position: { x: width - 2, y: height / 2 } });
  const last = rows.at(-1)[0].toLocaleString("en");
  const shown = await chart.getByTestId("chart-read").innerText();
  assert.ok(shown.startsWith(last), shown);
});

for (const locale of ["en-GB", "ru-RU"]) {
  pageTest(`every chart has a name, a summary and a table (${locale})`, { locale }, async (headroom) => {
    await headroom.open(QUERY);
    for (const [tab, charts] of Object.entries(CHARTS)) {
      await headroom.tab(tab);
      for (const chart of charts) {
        const { rows, columns } = await readChart(headroom, chart);
        assert.ok(rows.length >= 4 && columns.length >= 2, chart);
        const picture = headroom.part(chart).locator("svg[role=img]");
        const title = await picture.locator("title").textContent();
        assert.equal(await picture.getAttribute("aria-label"), title);
        assert.match(await picture.locator("desc").textContent(), /\S{2}/u);
      }
      const folds = headroom.page.locator(":is(.chart-values, .money-values) > summary");
      for (const fold of await folds.all()) await fold.click();
      await assertAccessible(headroom);
      assert.ok((await headroom.overflow()) <= 0, `${tab}: the page scrolls sideways`);
    }
  });
}

pageTest("a tab is in the link, and arrow keys go from one to the next", {}, async (headroom) => {
  await headroom.open(`${QUERY}&tab=speed`);
  await headroom.part("decode-tps").waitFor();
  assert.equal(await headroom.part("bill-item").count(), 0, "what is not open is not drawn");
  await headroom.part("tab-speed").press("ArrowRight");
  await headroom.part("users-slider").waitFor();
  assert.equal(await headroom.part("tab-serving").evaluate((tab) => tab === document.activeElement), true);
  await headroom.page.waitForURL(/tab=serving/u);
  await headroom.page.keyboard.press("Home");
  await headroom.part("bill-item").first().waitFor();
  await headroom.page.waitForURL((url) => !url.search.includes("tab="));
});

pageTest("every tab fits a phone", { viewport: { width: 390, height: 844 } }, async (headroom) => {
  await headroom.open(QUERY);
  for (const tab of Object.keys(CHARTS)) {
    await headroom.tab(tab);
    for (const chart of CHARTS[tab]) await readChart(headroom, chart);
    if (tab === "plan") await headroom.part("plan-stage").first().waitFor();
    await assertAccessible(headroom);
    assert.ok((await headroom.overflow()) <= 0, `${tab}: the page scrolls sideways`);
  }
});

pageTest("users, targets and a shared prefix are the command line's", {}, async (headroom) => {
  await headroom.open("?model=qwen3-8b&hw=h100-sxm&quant=BF16&engine=vllm&ctx=8192&tab=serving");
  await headroom.part("users-slider").fill("16");
  await headroom.part("ttft-input").fill("0.5");
  await headroom.part("tpot-input").fill("20");
  await headroom.part("prefix-input").fill("512");
  await headroom.page.waitForURL(/users=\d+.*prefix=512.*ttft=500ms.*tpot=20ms/u);
  const { cells } = estimate(headroom.query);
  const [{ slo_users, max_users, throughput_tps, tpot_s, ttft_s }] = cells;
  assert.ok(slo_users > 0);
  assert.equal(await number(headroom.part("users-targets")), slo_users);
  assert.equal(await number(headroom.part("users-memory")), max_users);
  assertSame(await number(headroom.part("throughput")), throughput_tps.expected);
  assertSame(await number(headroom.part("tpot")), tpot_s.expected);
  assertSame(await number(headroom.part("ttft")), ttft_s.expected);
  await headroom.part("ttft-input").fill("");
  await headroom.page.waitForURL((url) => !url.search.includes("ttft"));
});

pageTest("money follows the reader's own values", {}, async (headroom) => {
  await headroom.open("?model=qwen3-8b&hw=rtx-4090&quant=Q4_K_M&ctx=8192&users=4&tab=cost");
  const values = headroom.page.getByTestId("money-values");
  await values.locator("summary").click();
  const field = (key) => headroom.part(`money-${key}`).locator("input");
  const same = async () => {
    const { cells, hosted } = estimate(headroom.query);
    const [{ money, wh_per_mtok, power_w }] = cells;
    for (const { key, value } of hosted[0].inputs) {
      assertSame(await number(headroom.part(key)), value);
    }
    const { owned, rented } = money.per_mtok;
    assertSame(await number(headroom.part("owned-in")), owned.input.expected);
    assertSame(await number(headroom.part("owned-out")), owned.output.expected);
    assertSame(await number(headroom.part("rented-out")), rented.output.expected);
    assertSame(await number(headroom.part("wh-per-mtok")), wh_per_mtok.expected);
    assertSame(await number(headroom.part("power-mean")), power_w.mean);
    assertSame(await number(headroom.part("break-even")), money.break_even_hours);
  };
  await same();
  // Other settings are decimals, too, but neither prices nor power.
  for (const key of ["rpc", "budget"]) assert.equal(await headroom.part(`money-${key}`).count(), 0);
  await field("price").fill("2000");
  await field("kwh").fill("0,31");
  await headroom.page.waitForURL(/price=2000&kwh=0\.31/u);
  await same();

  await headroom.part("currency-select").selectOption("RUB");
  assert.match(await headroom.words("money-unknown"), /Rent an hour.*Exchange rate/u);
  await field("rate").fill("80");
  await headroom.page.waitForURL(/rate=80/u);
  assert.equal(await headroom.words("money-unknown"), "");
  await same();
  assert.match(await headroom.words("costs"), /RUB/u);

  await headroom.part("money-price").getByRole("button").click();
  await headroom.page.waitForURL((url) => !url.search.includes("price"));
  assert.equal(await field("price").inputValue(), (1599 * 80).toLocaleString("en"));
  assert.match(await headroom.words("money-sources"), /at launch, 2022-09-20/u);
  await field("duty").fill("150%");
  assert.match(await headroom.words("money-duty"), /Accepted: 0.001 to 1/u);
});

pageTest("an engine that stands with another format is drawn in that", {}, async (headroom) => {
  const query = "?model=qwen3-32b&hw=rtx-3090*2&quant=Q4_K_M&engine=llama.cpp,vllm&ctx=8192";
  await headroom.open(`${query}&cell=0.0.0.1`);
  const [, vllm] = estimate(query).cells;
  assert.equal(vllm.requested_quant, "Q4_K_M");
  const memory = await readChart(headroom, "chart-memory-context");
  const { used_bytes } = vllm.devices[0];
  assert.deepEqual(memory.rows[memory.asked].slice(-2), [used_bytes.expected, used_bytes.high]);
  const frontier = await readChart(headroom, "chart-frontier");
  assert.deepEqual(frontier.rows[frontier.asked], [1, vllm.max_context]);
});
