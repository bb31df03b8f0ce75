// The answer of a first visit as index.html and style/first.css hold it, so that it is read before the
// app is there: what the page draws, without what only the app can use.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const HTML = file("index.html");
const CSS = file("style/first.css");
const PLACE = /(?<=<!-- first -->\n)[^]*?(?= *<!-- \/first -->)/u;

/** What index.html and style/first.css hold. */
export const read = () => ({
  html: readFileSync(HTML, "utf8").match(PLACE)[0],
  css: readFileSync(CSS, "utf8"),
});

export function write({ html, css }) {
  writeFileSync(HTML, readFileSync(HTML, "utf8").replace(PLACE, () => html));
  writeFileSync(CSS, css);
}

/** What they should hold, from pages that answer the first visit's question, one a language. */
export async function draw(pages) {
  const parts = [];
  for (const [lang, page] of Object.entries(pages)) parts.push(await page.evaluate(snapshot, lang));
  const rules = new Map(parts.flatMap(({ rules }) => rules));
  const css = [...rules].map(([name, rule]) => `[data-first="${name}"] {\n  ${rule}\n}\n`);
  return {
    html: parts.map(({ html }) => `    ${html}\n`).join(""),
    css: "/* Lengths in the answer that index.html holds: written with it. The page's policy allows no\n" +
      `   styles in its markup. */\n\n${css.join("\n")}`,
  };
}

/** The masthead, the question and its answer, of the page that this runs in. */
function snapshot(lang) {
  const rules = new Map();
  const first = document.createElement("div");
  first.className = "first";
  first.lang = lang;
  for (const part of document.querySelectorAll(".masthead, .question, .answer")) {
    first.append(part.cloneNode(true));
  }
  const dropped = /^(id|for|style|aria-controls|aria-labelledby|aria-live|data-testid|data-query|name|on.*)$/u;
  for (const element of first.querySelectorAll("*")) {
    const style = element.getAttribute("style");
    if (style) {
      const name = style.replace(/[^a-z0-9]+/gu, "-").replace(/-$/u, "");
      rules.set(name, style.trim());
      element.dataset.first = name;
    }
    for (const { name } of [...element.attributes]) if (dropped.test(name)) element.removeAttribute(name);
  }
  for (const link of first.querySelectorAll("a")) {
    const asked = new URL(link.href).searchParams;
    asked.delete("lang");
    link.setAttribute("href", `?${decodeURIComponent(asked)}`);
  }
  // Only the app can use them.
  for (const part of first.querySelectorAll(".masthead, .question, .steps, .answer button")) {
    part.setAttribute("inert", "");
  }
  for (const panel of first.querySelectorAll(".slot-panel")) panel.remove();
  const comments = document.createNodeIterator(first, NodeFilter.SHOW_COMMENT);
  const found = [];
  while (comments.nextNode()) found.push(comments.referenceNode);
  for (const comment of found) comment.remove();
  first.normalize();
  return { html: first.outerHTML, rules: [...rules] };
}
