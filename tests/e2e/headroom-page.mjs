// The page as its user meets it: the one place that knows how it is marked up.

/** The page in a browser tab. */
export class HeadroomPage {
  /** `page` is Playwright's, `url` the page's address without a query. */
  constructor(page, url) {
    this.page = page;
    this.url = url;
  }

  /**
   * Opens the page with a query such as `?ctx=8192`, or a whole address of it. Unless it is to stay
   * `folded`, every slot of its question is then opened: tests of the fields need them all.
   */
  async open(address = "", { folded = false } = {}) {
    await this.page.goto(new URL(address, this.url).href);
    await this.page.locator("html[data-ready][data-rest]").waitFor({ timeout: 20_000 });
    if (!folded) await this.unfold();
  }

  /** Opens every slot of the question. */
  async unfold() {
    await this.page.evaluate(() => {
      for (const slot of document.querySelectorAll("details.slot")) {
        // Of one name, one that opens closes the others.
        slot.removeAttribute("name");
        slot.open = true;
      }
      // What a slot holds is drawn once it was told that it is open.
      return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    });
  }

  /** Opens a tab of the open cell: memory, speed, serving or cost. */
  async tab(name) {
    await this.part(`tab-${name}`).click();
  }

  /** Opens an address in another tab of the same browser. */
  async openTab(address) {
    const tab = new HeadroomPage(await this.page.context().newPage(), this.url);
    await tab.open(address);
    return tab;
  }

  /** The element marked `data-testid="id"`. */
  part(id) {
    return this.page.getByTestId(id);
  }

  /** The query string in the address bar, with its `?`. */
  get query() {
    return new URL(this.page.url()).search;
  }

  /** The table's button for a model at a quantisation, on the first machine. */
  cell(model, quant) {
    return this.page.locator(
      `[data-testid=cell][data-model="${model}"][data-quant="${quant}"]`,
    ).first();
  }

  /** Puts another device in the place of the first one, by typing part of its name. */
  async pickDevice(text, id) {
    await this.part("device").first().fill(text);
    await this.page.locator(`[role=option][data-id="${id}"]:visible`).click();
  }

  /** What every cell says: the model, quantisation and machine, the exact bytes, the verdict. */
  async readTable() {
    return this.part("cell").evaluateAll((cells) =>
      cells.map((cell) => {
        const { model, quant, machine, verdict, bytes } = cell.dataset;
        return { model, quant, machine, verdict, bytes: Number(bytes) };
      }),
    );
  }

  /** What the open bill says, line by line: the term and the exact bytes. */
  async readBill() {
    await this.part("bill").waitFor();
    return this.part("bill-item").evaluateAll((items) =>
      items.map((item) => ({ term: item.dataset.term, bytes: Number(item.dataset.bytes) })),
    );
  }

  /** All the words of a part, as the reader sees them. */
  async words(id) {
    return (await this.part(id).first().innerText()).replace(/\s+/gu, " ");
  }

  /** Copies the link with the page's button; returns what the clipboard then holds. */
  async copyLink() {
    await this.part("copy-link").click();
    await this.part("copy-confirm").waitFor();
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** By how many pixels the page is wider than its window. */
  async overflow() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  }

  /** What can be pressed and is less than 24 pixels high or wide; links within a text may be. */
  async smallTargets() {
    return this.page.evaluate(() => {
      const targets = document.querySelectorAll("button, input, select, summary, textarea, a");
      const small = [...targets].filter((target) => {
        // A box to tick is pressed with its label.
        const area = target.matches("label input") ? target.closest("label") : target;
        const { width, height } = area.getBoundingClientRect();
        const inText = getComputedStyle(area).display === "inline";
        return area.checkVisibility() && !inText && Math.min(width, height) < 24;
      });
      return small.map((target) => target.outerHTML.slice(0, 160));
    });
  }
}
