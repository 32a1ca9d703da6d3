/* The embedding: colors, legend, tools, and what the pointer is over. */

const embedding = { plot: null, source: null, shown: new Map(), indexOf: null, hidden: new Map(), way: null, isDark: false };
const DRAG_TOOLS = new Map([["pan", "pan"], ["box", "box"], ["lasso", "lasso"]]);
const HOVER_WIDTH = 480;
const MARKER_PATHS = new Map([
  ["circle", "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11z"],
  ["triangle", "M8 2L14.5 13.5H1.5z"],
  ["square", "M3 3H13V13H3z"],
  ["diamond", "M8 1.5L14 8L8 14.5L2 8z"],
  ["inverted_triangle", "M1.5 2.5H14.5L8 14z"],
]);

function colorOf(pair) {
  return pair[darkScheme.matches ? 1 : 0];
}

function swatch(marker, color) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", MARKER_PATHS.get(marker));
  path.setAttribute("fill", color);
  svg.append(path);
  return svg;
}

function hiddenGroups() {
  const { key } = embedding.way;
  if (!embedding.hidden.has(key)) embedding.hidden.set(key, new Set());
  return embedding.hidden.get(key);
}

function drawLegend() {
  const { names, colors, markers, counts } = embedding.way;
  const hidden = hiddenGroups();
  const entries = names.map((name, code) => {
    const button = make("button", { type: "button", "aria-pressed": String(!hidden.has(code)) },
      swatch(markers[code], colorOf(colors[code])), make("span", { dir: "auto" }, name),
      make("span", { className: "count" }, grouped(counts[code])));
    button.addEventListener("click", () => {
      if (!hidden.delete(code)) hidden.add(code);
      button.setAttribute("aria-pressed", String(!hidden.has(code)));
      showGroups();
    });
    return make("li", { hidden: counts[code] === 0 }, button);
  });
  find("legend").replaceChildren(...entries);
}

/** Leave out the sources whose groups are hidden; hidden ones cannot be selected either. */
function showGroups() {
  const hidden = hiddenGroups();
  const { codes, markers } = embedding.way;
  const isShown = (row) => !hidden.has(codes[row]) && passes(row);
  const order = embedding.source.data.row;
  const kept = new Map([...embedding.shown.keys()].map((marker) => [marker, []]));
  for (let index = 0; index < order.length; index += 1) {
    if (isShown(order[index])) kept.get(markers[codes[order[index]]]).push(index);
  }
  for (const [marker, filter] of embedding.shown) {
    filter.indices = kept.get(marker);
    // Every renderer works on all sources, even to draw none.
    embedding.plot.select_one(`dots-${marker}`).visible = kept.get(marker).length > 0;
  }
  const selected = embedding.source.selected.indices;
  const still = selected.filter((index) => isShown(order[index]));
  if (still.length !== selected.length) embedding.source.selected.indices = still;
}

function paint() {
  const { codes, colors } = embedding.way;
  const { source } = embedding;
  embedding.isDark = darkScheme.matches;
  find("legend").classList.toggle("inverted", embedding.isDark);
  const painted = colors.map(colorOf);
  const room = Math.min(1.9, Math.max(0.8, find("embedding").clientWidth / 900));
  const size = data.dot_size * room;
  const order = source.data.row;
  source.data = {
    ...source.data,
    color: Array.from(order, (row) => painted[codes[row]]),
    size: Float32Array.from(order, (row) => (data.label[row] === 1 ? data.spurious_scale * size : size)),
  };
  const ink = getComputedStyle(document.documentElement);
  const numbers = embedding.plot.select_one("numbers");
  numbers.glyph.text_font_size = `${Math.round(13 * room)}px`;
  numbers.glyph.text_color = ink.getPropertyValue("--ink").trim();
  numbers.glyph.background_fill_color = ink.getPropertyValue("--panel").trim();
}

/** Copy the plots as they are for print, whose page is not as wide; from a dark page, inverted. */
function printPlots() {
  for (const view of [...Bokeh.index.roots].filter((root) => find(root.model.name))) {
    const { canvas } = view.export("auto", true);
    canvas.className = embedding.isDark ? "printed inverted" : "printed";
    canvas.removeAttribute("style");
    find(view.model.name).querySelector(".printed")?.remove();
    find(view.model.name).append(canvas);
  }
}

function colorBy(key) {
  embedding.way = data.colorings.find((way) => way.key === key);
  paint();
  drawLegend();
  showGroups();
}

/** Select the sources of some rows. */
function selectRows(chosen) {
  embedding.source.selected.indices = chosen.map((row) => embedding.indexOf[row]);
}

function selectedRows() {
  return embedding.source.selected.indices.map((index) => embedding.source.data.row[index]);
}

function useTool(name) {
  for (const [key, tool] of DRAG_TOOLS) {
    embedding.plot.select_one(tool).active = key === name;
    document.querySelector(`[data-drag="${key}"]`).setAttribute("aria-pressed", String(key === name));
  }
}

function zoomBy(factor) {
  if (factor === "reset") {
    embedding.plot.reset.emit();
    return;
  }
  for (const range of [embedding.plot.x_range, embedding.plot.y_range]) {
    const middle = (range.start + range.end) / 2;
    const half = ((range.end - range.start) / 2) * Number(factor);
    range.setv({ start: middle - half, end: middle + half });
  }
}

function hideHover() {
  find("hover").hidden = true;
}

function showHover(row, event) {
  const box = find("hover");
  const lines = factsOf(row).map(([name, text]) => make("div", {},
    make("span", { className: "muted" }, `${name} `), make("span", { dir: "auto" }, text)));
  const picture = pictureOf(row);
  box.replaceChildren(picture, make("b", { dir: "auto" }, data.ids[row]), ...lines);
  box.dataset.row = row;
  box.hidden = false;
  fitPicture(picture, Math.min(HOVER_WIDTH, 0.9 * window.innerWidth), 0.5 * window.innerHeight);
  const gap = 18;
  const width = box.offsetWidth;
  const height = box.offsetHeight;
  const left = event.clientX + gap + width > window.innerWidth ? event.clientX - gap - width : event.clientX + gap;
  const top = Math.min(event.clientY + gap, window.innerHeight - height - 6);
  box.style.left = `${Math.max(6, left)}px`;
  box.style.top = `${Math.max(6, top)}px`;
}

/** The picture follows what Bokeh finds under the pointer, the last drawn first. */
function startHover() {
  let event = null;
  const stage = find("embedding");
  const follow = () => {
    const { inspectors } = embedding.source.selection_manager;
    const found = [...inspectors.values()].flatMap((inspector) => [...inspector.indices]);
    if (event === null || !found.length) hideHover();
    else showHover(embedding.source.data.row[Math.max(...found)], event);
  };
  stage.addEventListener("pointermove", (moved) => { event = moved; });
  stage.addEventListener("pointerleave", () => { event = null; hideHover(); });
  embedding.source.inspect.connect(follow);
  document.addEventListener("keydown", (pressed) => { if (pressed.key === "Escape") hideHover(); });
  document.addEventListener("scroll", hideHover, { passive: true });
}

function startTools() {
  for (const button of document.querySelectorAll("[data-drag]")) {
    button.addEventListener("click", () => useTool(button.dataset.drag));
  }
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => zoomBy(button.dataset.zoom));
  }
  find("outlines").addEventListener("change", (event) => {
    for (const name of ["fills", "outlines", "numbers"]) {
      embedding.plot.select_one(name).visible = event.target.checked;
    }
  });
  find("find").addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = find("find-id").value.trim();
    const row = data.ids.indexOf(wanted);
    find("find-answer").textContent = row < 0 ? "no such id" : "";
    if (row >= 0) selectRows([row]);
  });
  for (const button of document.querySelectorAll("[data-component]")) {
    button.addEventListener("click", () => {
      const number = Number(button.dataset.component);
      selectRows(rows.filter((row) => data.component[row] === number));
      find("embedding-section").scrollIntoView();
    });
  }
}

function startLegend() {
  const select = find("color-by");
  fillSelect(select, data.colorings.map((way) => [way.key, way.title]));
  select.addEventListener("change", () => colorBy(select.value));
  find("legend-show").addEventListener("click", () => { hiddenGroups().clear(); drawLegend(); showGroups(); });
  find("legend-hide").addEventListener("click", () => {
    embedding.way.names.forEach((_, code) => hiddenGroups().add(code));
    drawLegend();
    showGroups();
  });
  colorBy(data.colorings[0].key);
}

/** Whether a graphics card draws; a program that replaces one is slower than the plain canvas. */
function drawsOnCard() {
  const context = document.createElement("canvas").getContext("webgl", { failIfMajorPerformanceCaveat: true });
  if (context === null) return false;
  const names = context.getExtension("WEBGL_debug_renderer_info");
  const drawer = context.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : context.RENDERER);
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return !/swiftshader|llvmpipe|softpipe|software|basic render/i.test(drawer);
}

/** Add a picture of Bokeh to the page. */
async function addPlot(name) {
  const item = JSON.parse(find(`${name}-item`).textContent);
  if (!drawsOnCard()) {
    for (const root of item.doc.roots) root.attributes.output_backend = "canvas";
  }
  await Bokeh.embed.embed_item(item, name);
}

async function startEmbedding() {
  await addPlot("embedding");
  const models = Bokeh.documents.at(-1);
  embedding.plot = models.get_model_by_name("embedding");
  embedding.source = models.get_model_by_name("sources");
  for (const marker of MARKER_PATHS.keys()) {
    embedding.shown.set(marker, models.get_model_by_name(`shown-${marker}`));
  }
  embedding.indexOf = new Int32Array(rows.length);
  embedding.source.data.row.forEach((row, index) => { embedding.indexOf[row] = index; });
  startLegend();
  startTools();
  startHover();
  startSelection();
  darkScheme.addEventListener("change", () => colorBy(embedding.way.key));
  window.addEventListener("beforeprint", printPlots);
}

/** Bokeh draws on a canvas: it needs the colors of the page. */
function paintCurve(plot) {
  const style = getComputedStyle(document.documentElement);
  const [ink, muted, line] = ["--ink", "--muted", "--line"].map((name) => style.getPropertyValue(name).trim());
  const size = `${Math.round(parseFloat(style.fontSize) * 0.86)}px`;
  for (const axis of [...plot.below, ...plot.left]) {
    axis.setv({
      axis_label_text_color: ink, major_label_text_color: muted, axis_line_color: muted,
      major_tick_line_color: muted, minor_tick_line_color: null,
      axis_label_text_font_size: size, major_label_text_font_size: size, axis_label_text_font_style: "normal",
    });
  }
  for (const part of plot.center) {
    if (part.type === "Grid") part.grid_line_color = line;
    if (part.type === "Legend") {
      part.setv({
        label_text_color: ink, label_text_font_size: size, background_fill_alpha: 0, border_line_color: null,
        inactive_fill_alpha: 0.6, inactive_fill_color: line,
      });
    }
  }
}

async function startCurve() {
  if (find("curve") === null) return;
  await addPlot("curve");
  const plot = Bokeh.documents.at(-1).get_model_by_name("curve");
  paintCurve(plot);
  darkScheme.addEventListener("change", () => paintCurve(plot));
}
