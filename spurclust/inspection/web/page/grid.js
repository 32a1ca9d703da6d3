/* Many cutouts at a time, for quick looks: select some, and one key judges all of them. */

const GRID_AT_ONCE = 24;
const MAX_CARD_HEIGHT = 180;
const chosen = new Set();

function isGrid() {
  return !find("grid").hidden;
}

function cardOf(item) {
  const press = make("button", { type: "button", "aria-pressed": String(chosen.has(item.row)), "aria-label": `Source ${item.id}` },
    pictureOf(item.row, item.id, fitCard));
  press.addEventListener("click", () => choose(item.row));
  const card = make("article", { className: "card" }, press,
    make("div", { className: "card-about" }, make("b", { dir: "auto" }, item.id), make("span", {}, WHY.get(item.why) ?? "")));
  card.dataset.row = item.row;
  return card;
}

function fitCard(box) {
  const card = box.closest(".card");
  if (card) fitCutout(box, card.clientWidth, MAX_CARD_HEIGHT);
}

function choose(row) {
  if (!chosen.delete(row)) chosen.add(row);
  showChosen();
}

function chooseAll() {
  const all = inspecting.items.map((item) => item.row);
  const isAll = all.every((row) => chosen.has(row));
  chosen.clear();
  if (!isAll) all.forEach((row) => chosen.add(row));
  showChosen();
}

function showChosen() {
  for (const card of find("grid-cards").querySelectorAll(".card")) {
    card.firstChild.setAttribute("aria-pressed", String(chosen.has(Number(card.dataset.row))));
  }
  find("grid-count").textContent = `${grouped(chosen.size)} of ${grouped(inspecting.items.length)} selected.`;
}

/** Set the width of the cards, from the pixels that the cutouts have. */
function measureGrid() {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const [width, height] = [survey.n_panels * survey.panel[0], survey.panel[1]];
  const gaps = (survey.n_panels - 1) * PANEL_GAP;
  const room = Math.min((width > 2 * height ? 34 : 12) * rem, find("grid").clientWidth - 2 * rem);
  find("grid-cards").style.setProperty("--card", `${scaleFor(room - gaps, width) * width + gaps + 2}px`);
}

function showGrid() {
  const rows = new Set(inspecting.items.map((item) => item.row));
  for (const row of chosen) if (!rows.has(row)) chosen.delete(row);
  find("grid-cards").replaceChildren(...inspecting.items.map(cardOf));
  if (!inspecting.items.length) find("grid-cards").append(make("p", { className: "empty" }, NOTHING_LEFT));
  fitGrid();
  showChosen();
  if (!find("grid").contains(document.activeElement)) find("grid-cards").querySelector("button")?.focus();
}

function fitGrid() {
  measureGrid();
  for (const box of find("grid-cards").querySelectorAll(".cutout")) fitCard(box);
}

async function toggleGrid() {
  if (inspecting.busy) return;
  const opens = !isGrid();
  find("grid").hidden = !opens;
  find("stage").hidden = opens;
  find("toggle-grid").setAttribute("aria-pressed", String(opens));
  chosen.clear();
  await refreshItems();
  if (!opens) find("stage").focus();
}

/** Move the focus among the cards, by lines with up and down. */
function moveInGrid(key) {
  const cards = [...find("grid-cards").querySelectorAll(".card > button")];
  const here = cards.indexOf(document.activeElement);
  const top = cards[0]?.offsetTop;
  const across = cards.filter((card) => card.offsetTop === top).length || 1;
  const step = { arrowleft: -1, arrowright: 1, arrowup: -across, arrowdown: across }[key];
  cards[Math.min(cards.length - 1, Math.max(0, here + step))]?.focus();
}

/** What a verdict is for: all that are selected, or else the one with the focus. */
function rowsToJudge() {
  if (chosen.size) return [...chosen];
  const row = document.activeElement?.closest?.("#grid .card")?.dataset.row;
  return row === undefined ? [] : [Number(row)];
}
