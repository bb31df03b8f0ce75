// Puts an answer into a page: <script src="https://HOST/embed.js" defer></script>, and where it shall
// stand <headroom-answer query="model=qwen3-32b&hw=rtx-4090"></headroom-answer>.
(() => {
  const page = new URL(".", document.currentScript.src);

  /** Light text stands on a dark ground. */
  const isDark = (element) => {
    const [r, g, b] = getComputedStyle(element).color.match(/[\d.]+/gu).map(Number);
    return 0.3 * r + 0.59 * g + 0.11 * b > 128;
  };

  customElements.define("headroom-answer", class extends HTMLElement {
    connectedCallback() {
      const query = new URLSearchParams(this.getAttribute("query") ?? "");
      query.set("embed", "1");
      if (!query.has("theme")) query.set("theme", isDark(this) ? "dark" : "light");
      if (!query.has("lang") && this.closest("[lang^=ru]")) query.set("lang", "ru");
      const frame = document.createElement("iframe");
      frame.src = new URL(`?${query}`, page);
      frame.title = this.getAttribute("label") ?? "Headroom: memory and speed of a language model";
      frame.loading = "lazy";
      frame.style = `display: block; inline-size: 100%; block-size: 320px; border: 0; color-scheme: ${query.get("theme")}`;
      this.heard = ({ source, data }) => {
        if (source === frame.contentWindow && data?.headroom) {
          frame.style.blockSize = `${data.headroom.height}px`;
        }
      };
      addEventListener("message", this.heard);
      this.replaceChildren(frame);
    }

    disconnectedCallback() {
      removeEventListener("message", this.heard);
    }
  });
})();
