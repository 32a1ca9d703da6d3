/* The embedding of all sources, with what was judged. */

const CODES = { reliable: 0, spurious: 1, undecided: 2, open: 255 };
const MOST_AT_EACH_VERDICT = 20000;
const LARGEST = 65535;
const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");
// Drawn once on a canvas that nobody sees; only the ring around the source that is shown moves.
const points = { at: null, extent: [1, 1], codes: null, model: -1, nInspected: -1, drawn: document.createElement("canvas") };

async function askBytes(path) {
  const response = await fetch(path, { credentials: "same-origin", cache: "no-store" });
  if (!response.ok) throw new Refused((await response.json()).error);
  return response.arrayBuffer();
}

/** Fetch what is new: the points once, and what was judged after each learning. */
async function refreshPoints() {
  if (find("standing").hidden) return;
  const nNew = Math.abs(standing.n_inspected - points.nInspected);
  const isNew = points.model !== standing.model || (survey.n_sources > MOST_AT_EACH_VERDICT ? nNew > 10 : nNew);
  if (points.at && !isNew) return;
  try {
    if (!points.at) {
      const bytes = await askBytes("/api/points");
      find("points-note").hidden = bytes.byteLength > 0;
      find("points-figure").hidden = !bytes.byteLength;
      if (!bytes.byteLength) return;
      points.at = new Uint16Array(bytes);
      points.extent = [0, 1].map((axis) => points.at.reduce((most, value, k) => (k % 2 === axis ? Math.max(most, value) : most), 0) / LARGEST);
      find("points").style.aspectRatio = 1 / Math.max(points.extent[1], 0.5);
    }
    points.codes = new Uint8Array(await askBytes("/api/codes"));
  } catch (error) {
    if (error instanceof Refused) find("points-note").textContent = `There is no embedding: ${error.message}`;
    return;
  }
  points.model = standing.model;
  points.nInspected = standing.n_inspected;
  drawPoints();
}

function drawPoints() {
  const canvas = find("points");
  if (!points.codes || !canvas.clientWidth) return;
  const ratio = window.devicePixelRatio || 1;
  for (const one of [canvas, points.drawn]) {
    one.width = Math.round(canvas.clientWidth * ratio);
    one.height = Math.round(canvas.clientHeight * ratio);
  }
  const context = points.drawn.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  const dot = ratio * Math.max(1, Math.min(2.5, 80 / Math.sqrt(survey.n_sources)));
  const mark = 4 * ratio;
  const paint = (code, name, alpha, draw) => {
    context.fillStyle = color(name);
    context.strokeStyle = color("panel");
    context.globalAlpha = alpha;
    points.codes.forEach((one, row) => { if (one === code) draw(...pixelOf(row)); });
  };
  const shape = (trace) => (x, y) => { context.beginPath(); trace(x, y); context.closePath(); context.fill(); context.stroke(); };
  const circle = shape((x, y) => context.arc(x, y, mark, 0, 2 * Math.PI));
  const triangle = shape((x, y) => { context.moveTo(x, y - 1.4 * mark); context.lineTo(x + 1.3 * mark, y + mark); context.lineTo(x - 1.3 * mark, y + mark); });
  const square = shape((x, y) => context.rect(x - 0.8 * mark, y - 0.8 * mark, 1.6 * mark, 1.6 * mark));
  paint(CODES.open, "muted", 0.55, (x, y) => context.fillRect(x - dot / 2, y - dot / 2, dot, dot));
  paint(CODES.undecided, "unsure", 1, square);
  paint(CODES.reliable, "reliable", 1, circle);
  paint(CODES.spurious, "spurious", 1, triangle);
  showPoints();
}

function pixelOf(row) {
  const { width, height } = points.drawn;
  const room = 0.94 * width;
  const [right, up] = [0, 1].map((axis) => room * (points.at[2 * row + axis] / LARGEST - points.extent[axis] / 2));
  return [width / 2 + right, height / 2 - up];
}

/** Show the embedding, with a ring around the source that is shown. */
function showPoints() {
  const canvas = find("points");
  if (!points.codes || find("points-figure").hidden) return;
  const context = canvas.getContext("2d");
  const ratio = window.devicePixelRatio || 1;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(points.drawn, 0, 0);
  const item = currentItem();
  if (!item) return;
  context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  context.lineWidth = 2 * ratio;
  context.beginPath();
  context.arc(...pixelOf(item.row), 9 * ratio, 0, 2 * Math.PI);
  context.stroke();
}

function forgetPoints() {
  Object.assign(points, { at: null, codes: null, model: -1, nInspected: -1 });
}

function listenToPoints() {
  darkScheme.addEventListener("change", drawPoints);
  new ResizeObserver(drawPoints).observe(find("points-figure"));
}
