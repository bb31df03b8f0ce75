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

  const address = (name) => {
    const { [name]: path } = document.querySelector('meta[name="wasm-app"]').dataset;
    return path && new URL(path, document.baseURI);
  };
  const compile = async (from) => {
    try {
      return await WebAssembly.compileStreaming(fetch(from));
    } catch {
      // A host may not know what kind of file it is.
      return WebAssembly.compile(await (await fetch(from)).arrayBuffer());
    }
  };
  // The app is in two parts (src/web/page/app/rest.rs). It starts with the first, unless it is known
  // that it would wait for the rest at once: there are the rules of other engines.
  let rest = null;
  const start = async () => {
    const first = compile(address("wasm"));
    const both = asked.has("engine") && asked.get("engine") !== "llama.cpp" && address("rest");
    const { default: init } = await import(address("js"));
    // Why the first part fails is the better reason.
    if (both) rest = await compile(both).catch(() => null);
    await init({ module_or_path: await first });
  };
  self.headroomStarted = (first) =>
    new Promise((here, missing) => {
      if (!address("rest")) return here();
      const join = (module) => {
        if (!first.rest_is_here.value) new WebAssembly.Instance(module, { first });
        first.rest_is_here.value = 1;
        here();
      };
      // What is called before it is here: the page waits for it.
      self.headroomRest = () => {
        const request = new XMLHttpRequest();
        request.open("GET", address("rest"), false);
        request.overrideMimeType("text/plain; charset=x-user-defined");
        try {
          request.send();
          join(new WebAssembly.Module(Uint8Array.from(request.responseText, (c) => c.charCodeAt(0))));
        } catch (error) {
          fail("load", error);
          throw error;
        }
      };
      if (rest) join(rest);
      else compile(address("rest")).then(join).catch(missing);
    });
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
  self.headroomImport = async (files) => reading(await import(address("js")))(files, async (file, from, to) => {
    return new Uint8Array(await file.slice(from, to).arrayBuffer());
  });
  // A repository of Hugging Face: the only requests to another host, where the reader asks for it.
  self.headroomHub = async (repository) => {
    const { ofHub } = await import(new URL("hub.js", document.baseURI));
    const app = await import(address("js"));
    return ofHub(app, repository, reading(app));
  };

  // A file that the reader saves: by public/save.js.
  self.headroomSave = async (...what) => (await import(new URL("save.js", document.baseURI))).save(...what);
  // A print says of what page it is, and of when.
  addEventListener("beforeprint", () => {
    const { lang, dataset } = document.documentElement;
    dataset.printed = `${location.href} \u00b7 ${new Date().toLocaleString(lang)}`;
  });

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
