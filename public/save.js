// Saves what the page shows as a file: a text, or a chart as SVG or PNG.

/** What of a chart's look a style sheet says; as attributes, it stays in the file. */
const LOOK = [
  "color", "display", "fill", "fill-opacity", "font-family", "font-size", "font-weight", "opacity", "paint-order",
  "stroke", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "stroke-opacity", "stroke-width",
  "text-anchor", "vector-effect", "visibility",
];

/** Saves `what` under `name`: a text of the media type `type`, or the chart that is `what`. */
export async function save(name, type, what) {
  if (typeof what === "string") return offer(name, new Blob([what], { type }));
  const { text, width, height } = drawn(what);
  if (type === "image/svg+xml") return offer(name, new Blob([text], { type }));
  const image = new Image();
  // Not as a blob, which the page's policy lets no image be.
  image.src = `data:image/svg+xml,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  // Sharp on a screen of double density.
  Object.assign(canvas, { width: 2 * width, height: 2 * height });
  const brush = canvas.getContext("2d");
  brush.scale(2, 2);
  brush.drawImage(image, 0, 0, width, height);
  offer(name, await new Promise((resolve) => canvas.toBlob(resolve, type)));
}

function offer(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The chart of a figure as a file of its own: with its title, its legend and what its axis counts. */
function drawn(figure) {
  const plot = figure.querySelector(".chart-plot > svg");
  const { width, height } = plot.getBoundingClientRect();
  // What is written beside the plot reaches beyond it.
  const texts = [...plot.querySelectorAll("text")].map((text) => text.getBoundingClientRect());
  const box = plot.getBoundingClientRect();
  const left = Math.ceil(Math.max(0, ...texts.map((text) => box.left - text.left))) + 12;
  const right = Math.ceil(Math.max(0, ...texts.map((text) => text.right - box.right))) + 12;
  const names = [...figure.querySelectorAll(".chart-legend li")];
  const title = figure.querySelector("h3");
  const lookOf = (part) => getComputedStyle(plot.querySelector(part));
  const ink = getComputedStyle(figure).color;
  const words = getComputedStyle(figure).fontFamily;
  // The page's ground is the root's.
  const paper = getComputedStyle(document.documentElement).backgroundColor;
  const head = 40 + 18 * names.length;
  // A title may be wider than the plot of a narrow screen.
  const written = document.createRange();
  written.selectNodeContents(title);
  const wide = Math.max(width + right, written.getBoundingClientRect().width * 1.1 + 12);
  const all = { width: Math.ceil(left + wide), height: Math.ceil(head + height + 52) };
  const svg = element("svg", { ...all, viewBox: `0 0 ${all.width} ${all.height}`, color: ink });
  svg.append(element("rect", { width: "100%", height: "100%", fill: paper }));
  const text = (content, at) => {
    const written = element("text", { fill: ink, "font-family": words, "font-size": 12, ...at });
    written.textContent = content;
    svg.append(written);
  };
  text(title.textContent, { x: left, y: 24, "font-size": 15, "font-weight": 600 });
  names.forEach((entry, n) => {
    const y = 44 + 18 * n;
    const { term, series } = entry.querySelector("[data-term], [data-series]").dataset;
    // As it is drawn: a swatch may have a pattern, which is no colour.
    const { fill, fillOpacity, stroke } = lookOf(
      term ? `[data-term="${term}"] .chart-area` : `[data-series="${series}"] .chart-line`,
    );
    const colour = term ? { fill, "fill-opacity": fillOpacity } : { fill: stroke };
    svg.append(element("rect", { x: left, y: y - 9, width: 10, height: 10, ...colour }));
    text(entry.textContent.trim(), { x: left + 16, y });
  });
  const copy = plot.cloneNode(true);
  const [theirs, ours] = [plot, copy].map((svg) => [svg, ...svg.querySelectorAll("*")]);
  theirs.forEach((original, n) => {
    const style = getComputedStyle(original);
    for (const name of LOOK) ours[n].setAttribute(name, style.getPropertyValue(name));
    ours[n].removeAttribute("class");
  });
  for (const [name, value] of Object.entries({ x: left, y: head, width, height, overflow: "visible" })) {
    copy.setAttribute(name, value);
  }
  svg.append(copy);
  text(figure.querySelector(".chart-x").textContent, {
    x: left + width / 2, y: head + height + 38, "text-anchor": "middle",
  });
  return { text: new XMLSerializer().serializeToString(svg), ...all };
}

function element(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
