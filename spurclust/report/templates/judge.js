/* One cutout at a time, as large as fits, a key for every verdict. */

const judge = { key: "", queue: [], index: 0 };
const narrow = window.matchMedia("(max-width: 640px)");

function allReasons() {
  const known = data.reason_keys.filter((reason) => reason !== data.no_reason);
  return [...known, ...ownReasons.filter((reason) => !known.includes(reason))];
}

function judgeRow() {
  return judge.queue[judge.index];
}

/** Only what can be seen can be judged. */
function judgeQueue(key) {
  return queues.get(key).members.filter(hasCutout);
}

function openJudge(key, row = null) {
  fillSelect(find("judge-queue"), queueChoices());
  find("judge-queue").value = key;
  chooseQueue(key, row);
  hideHover();
  if (!find("judge").open) find("judge").showModal();
  find("judge-stage").focus();
}

function chooseQueue(key, row = null) {
  judge.key = key;
  judge.queue = judgeQueue(key);
  judge.index = row === null ? firstOpen(0) : Math.max(0, judge.queue.indexOf(row));
  showJudge();
}

/** The first index without a verdict, from a given one on, then from 0; the length if there is none. */
function firstOpen(from) {
  const isOpen = (row) => !verdicts.has(row);
  const later = judge.queue.findIndex((row, index) => index >= from && isOpen(row));
  if (later >= 0) return later;
  const earlier = judge.queue.findIndex(isOpen);
  return earlier >= 0 ? earlier : judge.queue.length;
}

function giveVerdict(kind, reason = "") {
  const row = judgeRow();
  if (row === undefined) return;
  putVerdict(row, { kind, reason });
  judge.index = firstOpen(judge.index + 1);
  showJudge();
}

function moveJudge(step) {
  judge.index = Math.min(judge.queue.length, Math.max(0, judge.index + step));
  showJudge();
}

function undoJudge() {
  const row = undoVerdict();
  if (row === null) return;
  const index = judge.queue.indexOf(row);
  if (index >= 0) judge.index = index;
  showJudge();
}

function showNearest(row) {
  const nearest = (row === undefined ? [] : data.nearest?.[row] ?? []).filter(hasCutout);
  const figures = nearest.map((other) => make("figure", {}, pictureOf(other),
    make("figcaption", { dir: "auto" }, `${data.ids[other]} ${reasonOf(other)}`)));
  find("judge-nearest").replaceChildren(
    ...(figures.length ? [make("p", {}, "most similar known spurious"), ...figures] : []));
}

function showPicture(row) {
  if (row === undefined) {
    const left = queues.get(judge.key).members.length - judge.queue.length;
    const without = left ? ` ${counted(left, "source has", "sources have")} no cutout in this page.` : "";
    const text = judge.queue.length ? "All of these are judged." : "There is nothing to judge here.";
    find("judge-picture").replaceChildren(make("p", { className: "done" }, `${text}${without} Choose others above, or download the labels.`));
    find("judge-about").replaceChildren();
    return;
  }
  find("judge-picture").replaceChildren(pictureOf(row));
  const facts = factsOf(row).map(([name, text]) => `${name} ${text}`).join(" · ");
  find("judge-about").replaceChildren(make("b", { dir: "auto" }, data.ids[row]), ` · ${facts}`,
    ...skyLinkOf(row).flatMap((link) => [" · ", link]));
}

/** Make the cutout as large as fits beside the similar ones, which are three in a line where it is wide. */
function fitJudge() {
  const box = find("judge-picture");
  const [across, down] = narrow.matches ? [1, 0.12] : [0.31, 0.26];
  for (const picture of find("judge-nearest").querySelectorAll(".picture")) {
    fitPicture(picture, across * box.clientWidth, down * window.innerHeight);
  }
  // Only now is known how much room they leave.
  for (const picture of box.querySelectorAll(".picture")) {
    fitPicture(picture, box.clientWidth, narrow.matches ? window.innerHeight / 2 : box.clientHeight);
  }
}

function giveReason(reason) {
  giveVerdict("spurious", reason);
  find("judge-stage").focus();
}

function showReasons(current) {
  fillReasons(find("judge-reasons"), allReasons(), current?.kind === "spurious" ? current.reason : null, giveReason);
}

function showProgress() {
  const done = judge.queue.filter((row) => verdicts.has(row)).length;
  find("judge-bar").max = Math.max(1, judge.queue.length);
  find("judge-bar").value = done;
  find("judge-count").textContent = `${grouped(done)} of ${grouped(judge.queue.length)} judged`;
  const expected = expectation();
  if (expected === null) {
    find("judge-expected").textContent = "";
    return;
  }
  const rest = expected.inspections === null ? "" : expected.inspections ? `; about ${counted(expected.inspections, "more inspection", "more inspections")} to 95 %` : "";
  find("judge-expected").textContent =
    `Expected completeness so far: about ${Math.floor(100 * expected.completeness)} % (${expected.found} found, about ${expected.remaining.toFixed(1)} still to find${rest})`;
}

/** Counts outside the judging view. */
function showSent() {
  const labels = judgedTable().length - 1;
  const unsure = unsureTable().length - 1;
  find("bar-progress").textContent = verdicts.size ? `${labels} judged${unsure ? `, ${unsure} unsure` : ""}` : "";
  find("bar-download").hidden = labels === 0;
  find("judge-download").disabled = labels === 0;
  find("judge-download").textContent = labels ? `Download ${counted(labels, "label", "labels")}` : "Download labels";
  find("judge-unsure").hidden = unsure === 0;
  find("judge-unsure").textContent = `${unsure} unsure, as csv`;
}

function showJudge() {
  const row = judgeRow();
  const current = row === undefined ? undefined : verdicts.get(row);
  showPicture(row);
  showNearest(row);
  showReasons(current);
  showProgress();
  showSent();
  find("judge-verdict").textContent = current ? wordsOfVerdict(current) : "";
  find("judge-verdict").className = `judge-verdict mark ${current?.kind ?? ""}`;
  for (const button of document.querySelectorAll("[data-verdict]")) {
    const pressed = current?.kind === button.dataset.verdict;
    button.setAttribute("aria-pressed", String(pressed));
    button.disabled = row === undefined;
  }
  find("judge-undo").disabled = undoable.length === 0;
  find("judge-back").disabled = judge.index === 0;
  find("judge-skip").disabled = row === undefined;
  find("judge-similar").disabled = !hasSimilar(row);
  fitJudge();
}

const JUDGE_KEYS = new Map([
  ["s", () => giveVerdict("spurious")],
  ["r", () => giveVerdict("reliable")],
  ["u", () => giveVerdict("unsure")],
  ["m", () => { if (hasSimilar(judgeRow())) showSimilar(judgeRow()); }],
  ["z", undoJudge],
  ["backspace", undoJudge],
  ["arrowleft", () => moveJudge(-1)],
  ["arrowright", () => moveJudge(1)],
]);

function addReason(event) {
  event.preventDefault();
  const reason = find("judge-new-reason").value.trim();
  if (!reason) return;
  if (!allReasons().includes(reason)) ownReasons.push(reason);
  find("judge-new-reason").value = "";
  find("judge-stage").focus();
  keepVerdicts();
  showJudge();
}

function downloadJudged() {
  download(data.judged_file, csvText(judgedTable()));
  unsaved = false;
}

/** Copy the command, or select it where the browser refuses to copy. */
async function copyCommand(event) {
  const command = find(event.target.dataset.copy);
  try {
    await navigator.clipboard.writeText(command.textContent);
    find("judge-copied").textContent = "Copied";
  } catch {
    window.getSelection().selectAllChildren(command);
    find("judge-copied").textContent = "Selected: copy it with the keyboard or the menu";
  }
}

function forgetAll() {
  if (!window.confirm(`Forget ${counted(verdicts.size, "verdict", "verdicts")} of this page?`)) return;
  verdicts.clear();
  undoable = [];
  keepVerdicts();
  judge.index = firstOpen(0);
  showJudge();
}

function startJudge() {
  const dialog = find("judge");
  // Not of the dialog: a button that has just been disabled has the focus, and hears nothing.
  document.addEventListener("keydown", (event) => { if (dialog.open && !find("similar").open) pressKey(event, JUDGE_KEYS, allReasons(), giveReason); });
  dialog.addEventListener("close", showCards);
  new ResizeObserver(fitJudge).observe(find("judge-picture"));
  find("judge-close").addEventListener("click", () => dialog.close());
  find("judge-queue").addEventListener("change", (event) => { chooseQueue(event.target.value); find("judge-stage").focus(); });
  for (const button of document.querySelectorAll("[data-verdict]")) {
    button.addEventListener("click", () => giveVerdict(button.dataset.verdict));
  }
  find("judge-undo").addEventListener("click", undoJudge);
  find("judge-back").addEventListener("click", () => moveJudge(-1));
  find("judge-skip").addEventListener("click", () => moveJudge(1));
  find("judge-new").addEventListener("submit", addReason);
  find("judge-download").addEventListener("click", downloadJudged);
  find("bar-download").addEventListener("click", downloadJudged);
  find("judge-unsure").addEventListener("click", () => download("unsure.csv", csvText(unsureTable())));
  for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", copyCommand);
  find("judge-forget").addEventListener("click", forgetAll);
  find("bar-judge").addEventListener("click", () => openJudge(firstQueue()));
  window.addEventListener("storage", (event) => {
    if (event.key !== STORE) return;
    readVerdicts();
    showSent();
    if (dialog.open) showJudge();
  });
  window.addEventListener("beforeunload", (event) => {
    if (!storageWorks && unsaved) event.preventDefault();
  });
}
