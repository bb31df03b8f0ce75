// A model read from Hugging Face: only when it is asked for, and by the beginnings of its files. The
// hub is played by the test, which answers the browser's requests in its place as the hub does: large
// files lie on another host, and of a range no more is given.
import assert from "node:assert/strict";

import { gguf } from "./gguf.mjs";
import { assertAccessible, pageTest } from "./harness.mjs";
import { serve } from "./server.mjs";

const HUB = "https://huggingface.co/";
const STORE = "https://us.aws.cdn.hf.co/";
const KNOWN = "llama-3.1-8b-instruct";
const CONFIG = {
  architectures: ["LlamaForCausalLM"], model_type: "llama", hidden_size: 4096, intermediate_size: 14336,
  num_hidden_layers: 32, num_attention_heads: 32, num_key_value_heads: 8, vocab_size: 128256,
  max_position_embeddings: 131072, tie_word_embeddings: false, torch_dtype: "bfloat16",
};

function safetensors(parameters) {
  const header = Buffer.from(JSON.stringify({
    weight: { dtype: "BF16", shape: [parameters], data_offsets: [0, 2 * parameters] },
  }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return { header: Buffer.concat([length, header]), size: 8 + header.length + 2 * parameters };
}

/**
 * Answers in the hub's place. `files` are those of the repository `id`: their text, or a `header` and
 * the `size` of the whole, which lies on another host; `answer` may answer a request otherwise. All
 * requests are in `asked`, with the bytes that were `given`.
 */
async function play(headroom, id, files, answer = () => undefined) {
  const session = await headroom.page.context().newCDPSession(headroom.page);
  const asked = [];
  const reply = (url, range) => {
    if (url === `${HUB}api/models/${id}/tree/main?recursive=true`) {
      const list = Object.entries(files).map(([path, file]) => ({
        type: "file", path, oid: "0", size: file.header ? 135 : file.length,
        ...(file.header && { lfs: { oid: "0", size: file.size, pointerSize: 135 } }),
      }));
      return { status: 200, body: JSON.stringify([{ type: "directory", path: "x", oid: "0", size: 0 }, ...list]) };
    }
    const path = url.replace(`${HUB}${id}/resolve/main/`, "").replace(`${STORE}${id}/`, "");
    const file = files[path];
    if (file === undefined) return { status: 404, headers: { "x-error-code": "EntryNotFound" } };
    if (file.header && url.startsWith(HUB)) return { status: 302, headers: { location: `${STORE}${id}/${path}` } };
    if (!file.header) return { status: 200, body: file };
    const [from, last] = range.match(/^bytes=(\d+)-(\d+)$/u).slice(1).map(Number);
    const body = Buffer.alloc(last + 1 - from);
    file.header.copy(body, 0, from, last + 1);
    return { status: 206, headers: { "content-range": `bytes ${from}-${last}/${file.size}` }, body };
  };
  session.on("Fetch.requestPaused", async ({ requestId, request: { url, headers } }) => {
    const range = headers.Range ?? headers.range;
    const found = answer(url, range) ?? reply(url, range);
    const body = Buffer.from(found.body ?? "");
    asked.push({ url, range, given: body.length, referrer: headers.Referer, cookie: headers.Cookie });
    if (found.fails) {
      await session.send("Fetch.failRequest", { requestId, errorReason: found.fails });
      return;
    }
    await session.send("Fetch.fulfillRequest", {
      requestId,
      responseCode: found.status,
      responseHeaders: Object.entries({
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "X-Error-Code, Retry-After",
        "content-type": "application/octet-stream",
        ...found.headers,
      }).map(([name, value]) => ({ name, value: String(value) })),
      body: body.toString("base64"),
    });
  });
  await session.send("Fetch.enable", { patterns: [{ urlPattern: "https://*" }] });
  return asked;
}

const figures = (words) => words.split("\n").slice(1);
const model = (headroom) => new URLSearchParams(headroom.query).get("model");

pageTest("a checkpoint is read from the ask box, by its first bytes", {}, async (headroom) => {
  const { header, size } = safetensors(8_030_261_248);
  const asked = await play(headroom, "owner/New-Model-8B", {
    "README.md": "new",
    "config.json": JSON.stringify(CONFIG),
    "model.safetensors": { header, size },
  });
  await headroom.open(`?model=${KNOWN}&quant=Q4_K_M&hw=rtx-3090`);
  const known = await headroom.cell(KNOWN, "Q4_K_M").innerText();
  await headroom.part("ask").fill("does https://huggingface.co/owner/New-Model-8B fit on a 3090 at q4");
  await headroom.part("hub-said").filter({ hasText: "huggingface.co" }).waitFor();
  assert.deepEqual(asked, [], "nothing is asked before it is pressed for");
  await headroom.part("hub-read").click();
  await headroom.page.waitForFunction(() => location.search.includes("custom:1:"));
  const id = model(headroom);
  assert.deepEqual(figures(await headroom.cell(id, "Q4_K_M").innerText()), figures(known));
  assert.equal(new URLSearchParams(headroom.query).get("hw"), "rtx-3090");
  const paths = asked.map(({ url }) => new URL(url).pathname.split("/").at(-1));
  assert.deepEqual([...new Set(paths)], ["main", "config.json", "model.safetensors"]);
  assert.ok(asked.some(({ url }) => url.startsWith(STORE)), "it lies on another host");
  const given = asked.reduce((sum, { given }) => sum + given, 0);
  assert.ok(given < 2 ** 21, `${given} bytes of ${size}`);
  assert.ok(asked.every(({ referrer, cookie }) => !referrer && !cookie), "nobody is told who asks");
});

// What is cut short counts as a failed request.
pageTest("of several GGUF files one is chosen, and a host without ranges is not read to the end", { isBroken: true }, async (headroom) => {
  const file = gguf("qwen2.5-72b-instruct");
  const other = { header: Buffer.from("GGUF"), size: 9e9 };
  const name = "A-72B-Q4_K_M.gguf";
  // All that there is from the start, however little is asked for.
  const whole = Buffer.concat([file.header, Buffer.alloc(2 ** 22)]);
  const answer = (url) => url.startsWith(STORE) && url.endsWith(name) ? { status: 200, body: whole } : undefined;
  const asked = await play(headroom, "owner/A-72B-GGUF", {
    "A-72B-Q2_K.gguf": other,
    [name]: file,
    "mmproj-A-72B-F16.gguf": other,
  }, answer);
  await headroom.open("?model=owner/A-72B-GGUF&quant=Q4_K_M");
  await headroom.part("hub-read").click();
  const options = headroom.part("hub-option");
  await options.first().waitFor();
  assert.equal(await options.count(), 2);
  await assertAccessible(headroom);
  await options.filter({ hasText: "Q4_K_M" }).click();
  await headroom.page.waitForFunction(() => location.search.includes("custom:1:"));
  assert.match(await headroom.cell(model(headroom), "Q4_K_M").innerText(), /A-72B/u);
  assert.ok(asked.every(({ url }) => !url.endsWith("Q2_K.gguf") && !url.includes("mmproj")));
  assert.equal(await headroom.part("hub").count(), 0, "the notice is gone with what it was about");
});

for (const [lang, words] of [["en", /tensors are those of/u], ["ru", /Тензоры те же/u]]) {
  pageTest(`how a model from the hub was read is said as of files: ${lang}`, {}, async (headroom) => {
    await play(headroom, "owner/My-Finetune-GGUF", { "My-Finetune-Q4_K_M.gguf": gguf("qwen3-8b") });
    await headroom.open(`?model=owner/My-Finetune-GGUF&quant=Q4_K_M&lang=${lang}`);
    await headroom.part("hub-read").click();
    await headroom.page.waitForFunction(() => location.search.includes("custom:1:"));
    await headroom.part("import-remarks").filter({ hasText: words }).waitFor();
  });
}

pageTest("each refusal of the hub is told apart", { isBroken: true }, async (headroom) => {
  let now;
  await play(headroom, "owner/Some-7B", { "config.json": JSON.stringify(CONFIG) }, (url) => now(url));
  await headroom.open("?model=owner/Some-7B&quant=Q4_K_M");
  const before = headroom.query;
  const list = (found) => (url) => url.includes("/api/") ? found : undefined;
  const file = (found) => (url) => url.includes("/resolve/") ? found : undefined;
  for (const [answer, words] of [
    [list({ status: 401 }), /private/u],
    [list({ status: 404 }), /private/u],
    [file({ status: 404, headers: { "x-error-code": "EntryNotFound" } }), /no such file/u],
    [file({ status: 401, headers: { "x-error-code": "GatedRepo" } }), /gated/u],
    [file({ status: 403 }), /gated/u],
    [list({ status: 429, headers: { "retry-after": "7" } }), /again in 7/u],
    [list({ status: 429 }), /some minutes/u],
    [list({ status: 503 }), /503/u],
    [list({ fails: "ConnectionRefused" }), /something on the way/u],
    [list({ status: 200, headers: { "access-control-allow-origin": "https://elsewhere" }, body: "[]" }), /something on the way/u],
    [list({ status: 200, body: "<html>" }), /list of files/u],
    [list({ status: 200, body: "[]" }), /GGUF files, or config\.json/u],
    [file({ status: 200, body: "{" }), /stopped in the middle/u],
  ]) {
    now = answer;
    await headroom.part("hub-read").click();
    await headroom.part("hub-said").filter({ hasText: words }).waitFor();
    assert.equal(headroom.query, before);
  }
  now = list({ fails: "InternetDisconnected" });
  await headroom.page.context().setOffline(true);
  await headroom.part("hub-read").click();
  await headroom.part("hub-said").filter({ hasText: "offline" }).waitFor();
  await headroom.page.context().setOffline(false);
  // And then it works.
  now = () => undefined;
  await headroom.part("hub-read").click();
  await headroom.page.waitForFunction(() => location.search.includes("custom:1:"));
});

pageTest("a host can forbid the page to ask others", { isBroken: true }, async (headroom) => {
  const closed = await serve("/", { "content-security-policy": "connect-src 'self'" });
  try {
    const asked = await play(headroom, "owner/Some-7B", {});
    headroom.url = closed.url;
    await headroom.open("?model=owner/Some-7B");
    await headroom.part("hub-read").click();
    await headroom.part("hub-said").filter({ hasText: "has forbidden" }).waitFor();
    assert.deepEqual(asked, []);
  } finally {
    await closed.close();
  }
});

pageTest("the model picker offers what looks like a repository", {}, async (headroom) => {
  const asked = await play(headroom, "owner/Some-7B", {});
  await headroom.open("?quant=Q4_K_M");
  await headroom.part("model-pick").fill("owner/Some-7B");
  await headroom.page.locator('[role=option][data-id="owner/Some-7B"]:visible').click();
  await headroom.part("hub-read").filter({ hasText: "owner/Some-7B" }).waitFor();
  assert.deepEqual(asked, []);
});
