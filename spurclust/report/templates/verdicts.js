/* What was judged in this page: kept in the browser under the result's own name, and written as a
   table of labels. A page from the disk shares its store with every other, hence the name. */

const STORE = `spurclust/verdicts/${data.identity}`;
const HISTORY_LIMIT = 500;
const KINDS = new Set(["spurious", "reliable", "unsure"]);

const verdicts = new Map();
let undoable = [];
let ownReasons = [];
let storageReads = true;
let storageWorks = true;
let unsaved = false;

function wordsOfVerdict({ kind, reason }) {
  return `${LABEL_SIGNS.get(kind)} ${kind}${reason ? `: ${reason}` : ""}`;
}

function packed(row) {
  const verdict = verdicts.get(row);
  return verdict ? [data.ids[row], verdict.kind, verdict.reason] : [data.ids[row], null, ""];
}

function keepVerdicts() {
  unsaved = verdicts.size > 0;
  const kept = { version: 1, verdicts: [...verdicts.keys()].map(packed), history: undoable, reasons: ownReasons };
  try {
    window.localStorage.setItem(STORE, JSON.stringify(kept));
    storageWorks = storageReads;
  } catch {
    storageWorks = false;
  }
  noticeStorage();
}

function isPacked(entry) {
  return Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[2] === "string"
    && (entry[1] === null || KINDS.has(entry[1]));
}

/** Read what an earlier visit, or another window, has kept. */
function readVerdicts() {
  let kept = null;
  try {
    const text = window.localStorage.getItem(STORE);
    // Reading may be allowed where writing is not.
    window.localStorage.setItem(`${STORE}/test`, "1");
    window.localStorage.removeItem(`${STORE}/test`);
    kept = text === null ? null : JSON.parse(text);
  } catch (error) {
    storageReads = error instanceof SyntaxError;
    storageWorks = storageReads;
  }
  verdicts.clear();
  undoable = [];
  ownReasons = [];
  if (kept !== null && typeof kept === "object") {
    const rowOf = new Map(data.ids.map((id, row) => [id, row]));
    for (const [id, kind, reason] of (kept.verdicts ?? []).filter(isPacked)) {
      if (rowOf.has(id) && kind !== null) verdicts.set(rowOf.get(id), { kind, reason });
    }
    undoable = (kept.history ?? []).filter(isPacked);
    ownReasons = (kept.reasons ?? []).filter((reason) => typeof reason === "string");
  }
  noticeStorage();
}

function noticeStorage() {
  const text = storageWorks ? ""
    : "This browser keeps nothing for pages from the disk, or its storage is full: download the labels before you close or reload the page.";
  find("storage-notice").textContent = text;
  find("storage-notice").hidden = storageWorks;
  find("judge-notice").textContent = text;
}

function putVerdict(row, verdict) {
  undoable.push(packed(row));
  undoable = undoable.slice(-HISTORY_LIMIT);
  if (verdict === null) verdicts.delete(row);
  else verdicts.set(row, verdict);
  keepVerdicts();
}

/** Take the last verdict back; the row it was about, or null. */
function undoVerdict() {
  const last = undoable.pop();
  if (last === undefined) return null;
  const [id, kind, reason] = last;
  const row = data.ids.indexOf(id);
  if (row >= 0 && kind === null) verdicts.delete(row);
  else if (row >= 0) verdicts.set(row, { kind, reason });
  keepVerdicts();
  return row < 0 ? null : row;
}

/** Labels as `--labels` reads them. The unsure have no label, so they are not in it. A source that had
    a label already gets no origin: it stays in the sample for which it was drawn. */
function judgedTable() {
  const options = data.label_options;
  const spurious = options.spurious_value;
  const table = [[options.id_column, options.label_column, options.reason_column, data.origin_column]];
  for (const row of rows) {
    const verdict = verdicts.get(row);
    const origin = data.label[row] < 0 ? "queue" : "";
    if (verdict?.kind === "spurious") table.push([data.ids[row], spurious, verdict.reason, origin]);
    if (verdict?.kind === "reliable") table.push([data.ids[row], 1 - spurious, "", origin]);
  }
  return table;
}

function unsureTable() {
  return [[data.label_options.id_column], ...rows.filter((row) => verdicts.get(row)?.kind === "unsure").map((row) => [data.ids[row]])];
}

/** What a source counts as: a verdict of this page, or else the label of the run. */
function kindOf(row) {
  const kind = verdicts.get(row)?.kind;
  return data.label[row] < 0 || (kind !== undefined && kind !== "unsure") ? kind : LABEL_WORDS.get(data.label[row]);
}

/** How complete the search is by now, all labels counted, and how many inspections 95 % still take. */
function expectation() {
  let found = 0;
  let remaining = 0;
  const open = [];
  for (const row of byRank) {
    const kind = kindOf(row);
    if (kind === "spurious") found += 1;
    else if (kind !== "reliable") {
      remaining += data.probability[row] * data.expected_scale;
      if (kind === undefined) open.push(row);
    }
  }
  const total = found + remaining;
  if (total === 0) return null;
  let sum = found;
  let inspections = 0;
  while (sum < 0.95 * total && inspections < open.length) sum += data.probability[open[inspections++]] * data.expected_scale;
  return { found, remaining, completeness: found / total, inspections: sum < 0.95 * total ? null : inspections };
}
