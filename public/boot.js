// Starts the app, and says why where it cannot start. Trunk leaves the addresses of the app's
// script and wasm in <meta name="wasm-app">. It is run before the page's body is read, so that
// nothing of the body is shown that is not meant.
(() => {
  const root = document.documentElement;
  root.dataset.booted = "";
  const asked = new URLSearchParams(location.search);
  // The body holds the answer to the question of a first visit, not to another.
  if ([...asked.keys()].some((key) => key !== "lang" && key !== "theme")) root.dataset.asked = "";

  const kept = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  // Nothing flashes; the app then keeps these up to date.
  const [lang] = [asked.get("lang"), kept("headroom.lang"), ...navigator.languages]
    .map((tag) => tag?.slice(0, 2).toLowerCase())
    .filter((tag) => tag === "en" || tag === "ru");
  root.lang = lang ?? "en";
  const [theme] = [asked.get("theme"), kept("headroom.theme")]
    .filter((name) => name === "light" || name === "dark");
  if (theme) root.dataset.theme = theme;

  const fail = (why, error) => {
    root.dataset.fatal = why;
    document.getElementById("fatal").hidden = false;
    document.getElementById("fatal-words").textContent = error ? String(error) : "";
  };

  // The smallest module there is: where it compiles, a larger one that does not is not whole.
  const compiles = () => {
    try {
      return Boolean(new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)));
    } catch {
      return false;
    }
  };

  const cause = () => {
    if (!compiles()) return "wasm";
    // A frame without an origin of its own is given files only by a host that gives them to all.
    return self.origin === "null" ? "sandbox" : "load";
  };

  const start = async () => {
    const { js, wasm } = document.querySelector('meta[name="wasm-app"]').dataset;
    const { default: init } = await import(new URL(js, document.baseURI));
    await init({ module_or_path: new URL(wasm, document.baseURI) });
  };
  // The app asks for this module when the ask box or a plan is first used.
  const late = async () => {
    const { default: init, ...functions } = await import(new URL("headroom-ask.js", document.baseURI));
    await init();
    return functions;
  };
  self.headroomAsk = async () => (await late()).ask;
  self.headroomPlan = async () => (await late()).plan;
  // Reads the beginnings of a model's files, as far as the module asks for; `read` gives the bytes
  // of one between two places.
  const reading = ({ imported }) => async (files, read) => {
    const names = files.map((file) => file.webkitRelativePath || file.name);
    const sizes = files.map((file) => file.size);
    const beginnings = files.map(() => new Uint8Array());
    for (;;) {
      const answer = imported(names, beginnings, Float64Array.from(sizes));
      const { more } = JSON.parse(answer);
      if (!more) return answer;
      for (const [at, length] of more.entries()) {
        const known = beginnings[at];
        if (length <= known.length) continue;
        const next = await read(files[at], known.length, length);
        beginnings[at] = new Uint8Array(length);
        beginnings[at].set(known);
        beginnings[at].set(next, known.length);
      }
    }
  };
  // The reader's own files: nothing is sent anywhere.
  self.headroomImport = async (files) => reading(await late())(files, async (file, from, to) => {
    return new Uint8Array(await file.slice(from, to).arrayBuffer());
  });
  // A repository of Hugging Face: the only requests to another host, where the reader asks for it.
  self.headroomHub = async (repository) => {
    const { ofHub } = await import(new URL("headroom-ask-hub.js", document.baseURI));
    const module = await late();
    return ofHub(module, repository, reading(module));
  };

  // A page that this one is part of is told how high it is: public/embed.js reads that.
  const tellHeight = () =>
    parent.postMessage({ headroom: { height: Math.ceil(document.body.scrollHeight) } }, "*");

  document.addEventListener("DOMContentLoaded", () => {
    if (asked.has("embed")) new ResizeObserver(tellHeight).observe(document.body);
    document.getElementById("reload").onclick = () => location.reload();
    document.getElementById("afresh").onclick = () => location.assign(location.pathname);
    if (location.protocol === "file:") {
      fail("file");
    } else if (typeof WebAssembly === "undefined") {
      fail("wasm");
    } else {
      start().catch((error) => {
        // A panic has said so already, in its own words.
        if (root.dataset.fatal) return;
        fail(cause(), error);
      });
    }
  });
})();
