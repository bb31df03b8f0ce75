// Asks Hugging Face for a repository's files and their beginnings.

/** The answer of `hub` or of `read`, as JSON. */
export async function ofHub({ hub }, repository, read) {
  try {
    const { list } = JSON.parse(hub(repository, ""));
    const listing = list ? new TextDecoder().decode(await fetched(list, 0, 2 ** 24)) : "";
    const found = hub(repository, listing);
    const { files } = JSON.parse(found);
    if (!files) return found;
    return await read(files, async ({ url, size }, from, to) => {
      const bytes = await fetched(url, from, to, true);
      if (bytes.length < Math.min(to, size) - from) throw { why: "cut" };
      return bytes;
    });
  } catch (failed) {
    if (!failed.why) throw failed;
    return JSON.stringify({ hub: failed });
  }
}

// The bytes of `url` between two places, however many the host sends.
async function fetched(url, from, to, isFile) {
  let isForbidden;
  const forbid = () => isForbidden = true;
  document.addEventListener("securitypolicyviolation", forbid);
  const signal = AbortSignal.timeout(30_000);
  const headers = isFile ? { range: `bytes=${from}-${to - 1}` } : {};
  try {
    const answer = await fetch(url, { headers, signal, credentials: "omit", referrerPolicy: "no-referrer" });
    const { ok, status, body } = answer;
    if (!ok) {
      const code = answer.headers.get("x-error-code") ?? "";
      const isGated = code === "GatedRepo" || status === 403;
      // A private repository is answered as one that is not there.
      const isMissing = code.endsWith("NotFound") || status === 404 || status === 401 && !isFile;
      const why = isGated ? "gated" : isMissing ? "missing" : { 401: "gated", 429: "limited" }[status];
      throw { why: why ?? "broken", status, seconds: Math.ceil(answer.headers.get("retry-after")) || null };
    }
    // A host that knows no ranges sends all from the start.
    const skipped = status === 200 ? from : 0;
    const parts = [];
    let left = skipped + to - from;
    const reader = body.getReader();
    for (let part; left >= 0 && !(part = await reader.read()).done; left -= part.value.length) {
      parts.push(part.value.subarray(0, left));
    }
    if (left < 0) reader.cancel();
    return new Uint8Array(await new Blob(parts).arrayBuffer()).subarray(skipped);
  } catch (failed) {
    if (failed.why) throw failed;
    // The policy is told of after the failure.
    await new Promise((resolve) => setTimeout(resolve));
    throw { why: isForbidden ? "forbidden" : signal.aborted ? "slow" : navigator.onLine ? "unreachable" : "offline" };
  } finally {
    document.removeEventListener("securitypolicyviolation", forbid);
  }
}
