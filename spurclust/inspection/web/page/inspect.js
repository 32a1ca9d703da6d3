/* One source at a time: a key for every verdict, which is stored before the next one is shown. */

const AHEAD = 3;
const WHY = new Map([
  ["probable", "probably spurious"],
  ["unlike", "unlike all inspected so far"],
  ["audit", "drawn at random, for the guarantee"],
  ["second opinion", "a second opinion is wanted"],
  ["adjudication", "inspectors disagree, and your verdict decides"],
  ["unsure", "once more: nobody was sure"],
  ["undone", "its verdict was taken back"],
]);
const NOTHING_LEFT = "Nothing is left for you to inspect now.";

let survey = null;
const inspecting = { items: [], busy: false };
const similar = new Map();
let ownReasons = [];

function allReasons() {
  return [...survey.reasons, ...ownReasons.filter((reason) => !survey.reasons.includes(reason))];
}

function currentItem() {
  return isGrid() ? undefined : inspecting.items[0];
}

function takeItems(answer) {
  inspecting.items = answer.items;
  fetchCutouts(answer.items.map((item) => item.row));
  if (!isGrid()) fetchSimilar();
}

/** Ask what is similar to the sources that come next, so that it is there when they are shown. */
async function fetchSimilar() {
  const rows = inspecting.items.map((item) => item.row);
  for (const row of similar.keys()) if (!rows.includes(row)) similar.delete(row);
  const asked = rows.filter((row) => !similar.has(row));
  if (!asked.length) return;
  asked.forEach((row) => similar.set(row, []));
  let found = {};
  try {
    found = (await ask(`/api/similar?rows=${asked.join(",")}`)).similar;
  } catch {
    asked.forEach((row) => similar.delete(row));
    return;
  }
  for (const row of asked) similar.set(row, found[row]);
  fetchCutouts(asked.flatMap((row) => found[row].map((one) => one.row)));
  if (asked.includes(currentItem()?.row)) showSimilar();
}

function showSimilar() {
  const found = similar.get(currentItem()?.row) ?? [];
  const figures = found.map((one) => make("figure", {}, pictureOf(one.row, one.id, fitAll),
    make("figcaption", { dir: "auto" }, `${one.id} ${one.reason}`)));
  find("nearest").replaceChildren(...(figures.length ? [make("p", {}, "Most similar known spurious sources"), ...figures] : []));
  fitAll();
}

/** Ask what comes next; meanwhile nothing is judged, or the answer would bring back a judged one. */
async function refreshItems() {
  if (inspecting.busy) return; // the answer to a verdict brings them
  inspecting.busy = true;
  try {
    takeItems(await askUntilAnswered(`/api/next?n=${isGrid() ? GRID_AT_ONCE : AHEAD}`));
    showAll();
  } finally {
    inspecting.busy = false;
  }
}

function rowsOfVerdict() {
  const item = currentItem();
  return isGrid() ? rowsToJudge() : item ? [item.row] : [];
}

async function giveVerdict(verdict, reason = "") {
  const rows = rowsOfVerdict();
  if (inspecting.busy || !rows.length) return;
  const note = find("note").value.trim();
  const names = new Map(inspecting.items.map((item) => [item.row, item.id]));
  const done = await send("/api/verdicts", { verdicts: rows.map((row) => ({ row, verdict, reason, note })) });
  if (!done) return;
  find("note").value = "";
  const what = rows.length === 1 ? names.get(rows[0]) : counted(rows.length, "source", "sources");
  find("last").textContent = `${LABEL_SIGNS.get(verdict)} ${verdict}${reason ? `: ${reason}` : ""} · ${what}`;
  find("last").className = `last mark ${verdict}`;
  chosen.clear();
  showAll();
}

/** Send what was decided, and take what comes next; false where the server refuses. */
async function send(path, values) {
  inspecting.busy = true;
  try {
    takeItems(await askUntilAnswered(path, posting({ ...values, n: isGrid() ? GRID_AT_ONCE : AHEAD })));
    notice("");
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return false;
  } finally {
    inspecting.busy = false;
    refreshStanding();
  }
}

async function undo() {
  if (inspecting.busy) return;
  inspecting.busy = true;
  try {
    // Asked once only: a second time would take back another one.
    const answer = await ask("/api/undo", posting({ n: isGrid() ? GRID_AT_ONCE : AHEAD }));
    takeItems(answer);
    find("last").className = "last";
    find("last").textContent = answer.undone === null ? "You have no verdict to take back." : `Taken back: ${answer.undone}`;
    showAll();
  } catch (error) {
    notice(error instanceof Refused ? error.message : "The server does not answer. The next answer shows whether the verdict was taken back.");
  } finally {
    inspecting.busy = false;
    refreshStanding();
  }
}

function showItem() {
  const item = currentItem();
  showPoints();
  find("why").textContent = item ? `Why this one: ${WHY.get(item.why) ?? item.why}` : "";
  find("opinions").replaceChildren(...(item?.opinions ?? []).map((one) => make("p", { dir: "auto" },
    make("b", {}, one.inspector), ` ${LABEL_SIGNS.get(one.verdict)} ${one.verdict}${one.reason ? `: ${one.reason}` : ""}${one.note ? ` (${one.note})` : ""}`)));
  if (!item) {
    find("picture").replaceChildren(make("p", { className: "done" }, `${NOTHING_LEFT} Others may still hold some. The labels are under Export.`));
    find("about").replaceChildren();
    showSimilar();
    return;
  }
  find("picture").replaceChildren(pictureOf(item.row, item.id, fitAll));
  const facts = item.facts.map(([name, text]) => ` · ${name} ${text}`).join("");
  find("about").replaceChildren(make("b", { dir: "auto", id: "source-id" }, item.id), make("span", { dir: "auto" }, facts));
  showSimilar();
}

const narrow = window.matchMedia("(max-width: 640px)");

/** Make the cutout as large as fits beside the similar ones. */
function fitAll() {
  if (isGrid()) { fitGrid(); return; }
  const box = find("picture");
  const [across, down] = narrow.matches ? [0.9 / 3, 0.1] : [0.31, 0.2];
  for (const one of find("nearest").querySelectorAll(".cutout")) fitCutout(one, across * box.clientWidth, down * window.innerHeight);
  // Only now is known how much room they leave.
  for (const one of box.querySelectorAll(".cutout")) {
    fitCutout(one, box.clientWidth, narrow.matches ? window.innerHeight / 2 : box.clientHeight);
  }
}

function showAll() {
  if (isGrid()) showGrid();
  else showItem();
  const nothing = isGrid() ? !inspecting.items.length : !currentItem();
  for (const button of document.querySelectorAll("[data-verdict]")) button.disabled = nothing;
  fillReasons(find("reasons"), allReasons(), null, giveReason);
  fitAll();
}

function giveReason(reason) {
  if (!isGrid()) find("stage").focus();
  return giveVerdict("spurious", reason);
}

function addReason(event) {
  event.preventDefault();
  const reason = find("new-reason").value.trim();
  if (reason && !allReasons().includes(reason)) ownReasons.push(reason);
  find("new-reason").value = "";
  remember("reasons", ownReasons);
  find("stage").focus();
  showAll();
}

const KEYS = new Map([
  ["s", () => giveVerdict("spurious")],
  ["r", () => giveVerdict("reliable")],
  ["u", () => giveVerdict("unsure")],
  ["z", undo],
  ["backspace", undo],
  ["n", () => find("note").focus()],
  ["g", toggleGrid],
  ["p", toggleStanding],
  ["t", nextStretch],
  ["[", () => changeContrast(-1)],
  ["]", () => changeContrast(1)],
]);
const GRID_KEYS = new Map([
  ...KEYS,
  ["a", chooseAll],
  ["escape", toggleGrid],
  ...["arrowleft", "arrowright", "arrowup", "arrowdown"].map((key) => [key, () => moveInGrid(key)]),
]);

/** Leave a field with Enter or Escape, to judge. */
function leaveField(event) {
  if (event.key !== "Enter" && event.key !== "Escape") return;
  event.preventDefault();
  find("stage").focus();
}

function listen() {
  document.addEventListener("keydown", (event) => pressKey(event, isGrid() ? GRID_KEYS : KEYS, allReasons(), giveReason));
  for (const button of document.querySelectorAll("[data-verdict]")) {
    button.addEventListener("click", () => giveVerdict(button.dataset.verdict));
  }
  find("undo").addEventListener("click", undo);
  find("toggle-grid").addEventListener("click", toggleGrid);
  find("new-reason-form").addEventListener("submit", addReason);
  find("note-form").addEventListener("submit", (event) => event.preventDefault());
  find("note").addEventListener("keydown", leaveField);
  new ResizeObserver(fitAll).observe(find("inspect"));
  listenToLook();
  listenToStanding();
  listenToPoints();
}

/** Take all from the server: at first, and when it was started anew. */
async function startSurvey() {
  survey = await askUntilAnswered("/api/start");
  connection.token = survey.token;
  connection.run = survey.run;
  fetched.clear();
  similar.clear();
  forgetPoints();
  document.title = `${survey.name}: inspection`;
  find("name").textContent = survey.name;
  find("new-reason").maxLength = survey.max_reason;
  find("note").maxLength = survey.max_note;
  startLook();
  await refreshItems();
}

async function start() {
  ownReasons = recall("reasons", []).filter((reason) => typeof reason === "string");
  await startSurvey();
  startStanding();
  listen();
  fitAll();
  refreshStanding();
  find("stage").focus();
  document.body.dataset.ready = "all";
}

start().catch((error) => {
  notice(error.message);
  if (!(error instanceof Refused)) console.error(error);
});
