// How long the built page makes its reader wait: `node tests/e2e/bench.mjs`. Clocks differ from one
// machine to the next; the ratios do not.
import { launch } from "./browser.mjs";
import { HeadroomPage } from "./headroom-page.mjs";
import { serve } from "./server.mjs";
import { createServer } from "node:http";
import { brotliCompressSync } from "node:zlib";

/** A slow connection, and a processor a quarter as fast. */
const SLOW = { latency: 40, downloadThroughput: 1.5e6 / 8, uploadThroughput: 0.75e6 / 8, offline: false };

/** `host`, but with its answers compressed, as a host of the page would send them. */
async function compressed(host) {
  const kept = new Map();
  const server = createServer(async (request, response) => {
    const address = new URL(request.url, host.url).href;
    if (!kept.has(address)) {
      const answer = await fetch(address);
      const headers = Object.fromEntries(answer.headers);
      delete headers["transfer-encoding"];
      const body = brotliCompressSync(Buffer.from(await answer.arrayBuffer()));
      kept.set(address, [answer.status, { ...headers, "content-encoding": "br" }, body]);
    }
    const [status, headers, body] = kept.get(address);
    response.writeHead(status, headers);
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}${new URL(host.url).pathname}`;
  return { url, close: () => server.closeAllConnections() || server.close() };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** Times until the answer is painted and until the page answers, of the first visit. */
async function visit(browser, url, { network, cpu }) {
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 } });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  if (network) await devtools.send("Network.emulateNetworkConditions", network);
  if (cpu) await devtools.send("Emulation.setCPUThrottlingRate", { rate: cpu });
  await page.goto(url, { waitUntil: "commit" });
  await page.locator("html[data-ready]").waitFor({ timeout: 60_000 });
  const times = await page.evaluate(() => ({
    painted: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    ready: performance.now(),
  }));
  await context.close();
  return times;
}

/** Milliseconds of the main thread that a step of the context's slider takes, at the median. */
async function step(browser, url, query) {
  const page = await browser.newPage({ viewport: { width: 1366, height: 768 } });
  const headroom = new HeadroomPage(page, url);
  await headroom.open(query, { folded: true });
  await page.getByTestId("slot-use").locator("summary").click();
  await page.waitForTimeout(3000);
  const times = await page.evaluate(async () => {
    const slider = document.querySelector("[data-testid=context-slider]");
    const times = [];
    for (let i = 0; i < 24; i += 1) {
      slider.value = String(Number(slider.value) + (i % 2 ? -1 : 1));
      const start = performance.now();
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      // Effects run in microtasks, what is put off in the next frame.
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      times.push(performance.now() - start);
      await new Promise((done) => setTimeout(done, 60));
    }
    return times;
  });
  await page.close();
  return median(times);
}

/** Seconds until all models are ranked on a machine, and until the first screen of them is there. */
async function rank(browser, url) {
  const page = await browser.newPage({ viewport: { width: 1366, height: 768 } });
  const start = performance.now();
  const since = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  await page.goto(`${url}?model=*&hw=rtx-4090`);
  await page.getByTestId("ranking-row").nth(9).waitFor();
  const first = since();
  await page.locator("[data-testid=ranking][aria-busy=false]").waitFor({ timeout: 120_000 });
  const all = since();
  await page.close();
  return `${first} to ten rows, ${all} to all`;
}

const host = await serve();
const [browser, slow] = await Promise.all([launch(), compressed(host)]);
try {
  await visit(browser, slow.url, {});
  for (const [name, limits] of Object.entries({
    "first visit": {},
    "first visit, 1.5 Mbit/s and a quarter of the processor": { network: SLOW, cpu: 4 },
  })) {
    const { painted, ready } = await visit(browser, slow.url, limits);
    console.log(`${name}: answer read after ${Math.round(painted)} ms, page answers after ${Math.round(ready)} ms`);
  }
  console.log(`slider step, first visit: ${(await step(browser, host.url, "")).toFixed(1)} ms`);
  const all = "?model=*&hw=rtx-4090";
  console.log(`slider step, ranking of all models: ${(await step(browser, host.url, all)).toFixed(1)} ms`);
  console.log(`ranking of all models: ${await rank(browser, host.url)}`);
} finally {
  await browser.close();
  await slow.close();
  await host.close();
}
