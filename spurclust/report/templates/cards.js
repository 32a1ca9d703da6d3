/* Cutouts in cards, a page of them at a time. */

const CARDS_AT_ONCE = 36;
const DOUBTS_AT_ONCE = 12;

function cardOf(row, { about, onPress, missed = false }) {
  const press = make("button", { type: "button", "aria-label": `Judge source ${data.ids[row]}` },
    pictureOf(row));
  press.addEventListener("click", () => onPress(row));
  const card = make("article", { className: missed ? "card missed" : "card" }, press,
    make("div", { className: "card-about" }, make("b", { dir: "auto" }, data.ids[row]), about(row),
      make("span", { className: "links" }, ...similarButtonOf(row), ...skyLinkOf(row))));
  card.dataset.row = row;
  return card;
}

/** Put cards into a container; a button adds the next ones. */
function fillCards(container, chosen, options, empty) {
  container.replaceChildren();
  if (!chosen.length) {
    container.append(make("p", { className: "empty" }, empty));
    return;
  }
  let shown = 0;
  const more = make("button", { type: "button", className: "more" });
  const add = () => {
    const next = chosen.slice(shown, shown + (options.atOnce ?? CARDS_AT_ONCE));
    more.before(...next.map((row) => cardOf(row, { ...options, missed: options.isMissed?.(row) })));
    shown += next.length;
    more.hidden = shown >= chosen.length;
    more.textContent = `${grouped(shown)} of ${grouped(chosen.length)} shown: show more`;
  };
  container.append(more);
  more.addEventListener("click", () => {
    const before = container.children.length - 1;
    add();
    container.children[before]?.querySelector("button")?.focus();
  });
  add();
}

/** What a card says beside the id: a verdict of this page, a known label, or the probability. */
function aboutCard(row) {
  const verdict = verdicts.get(row);
  if (verdict) {
    return make("span", { className: `mark ${verdict.kind}`, dir: "auto" }, wordsOfVerdict(verdict));
  }
  if (data.label[row] === 1) return make("span", { dir: "auto" }, reasonOf(row));
  if (data.label[row] === 0) return make("span", {}, "reliable");
  return make("span", {}, percentOf(data.probability[row]));
}

/** The labels that are most probably wrong come first. */
function byDoubt(members) {
  return members.sort((a, b) => data.suspicion[b] - data.suspicion[a] || data.rank[b] - data.rank[a]);
}

const queuesOf = (members) => [
  ["flagged", "Flagged, not yet inspected", members.filter((row) => data.label[row] < 0 && data.flagged[row])],
  ...(data.inspect_next.length ? [["mixed", "Mixed: most probable, and most unusual", data.inspect_next.filter(passes)]] : []),
  ...(data.audit.length ? [["audit", "Audit: a random sample of the others", data.audit.filter(passes)]] : []),
  ["uninspected", "All uninspected", members.filter((row) => data.label[row] < 0)],
  ["doubtful", "Labeled reliable, to inspect again", members.filter((row) => data.label[row] === 0)],
  ["known", "Known spurious, to inspect again", members.filter((row) => data.label[row] === 1)],
  ["unlikely", "Known spurious, the most doubtful first", data.suspicion ? byDoubt(members.filter((row) => data.label[row] === 1)) : []],
];

const queues = new Map(queuesOf(byRank).map(([key, title, members]) => [key, { title, members }]));

function firstQueue() {
  return [...queues.keys()].find((key) => queues.get(key).members.length) ?? "flagged";
}

function queueChoices() {
  const offered = [...queues].filter(([key, { members }]) => key === "flagged" || members.length);
  return offered.map(([key, { title, members }]) => [key, `${title} (${grouped(members.length)})`]);
}

function showNext() {
  const { members } = queues.get(find("next-which").value);
  fillCards(find("next-cards"), members, {
    about: aboutCard, onPress: (row) => openJudge(find("next-which").value, row),
  }, "None.");
  find("next-judge").disabled = !members.length;
}

function showKnown() {
  const reason = find("known-reason").value;
  const missed = find("known-missed").checked;
  const known = queues.get("known").members;
  const chosen = known.filter((row) =>
    (reason === "" || reasonOf(row) === data.reasons[Number(reason)]) && (!missed || !data.flagged[row]));
  const outside = known.filter((row) => !data.flagged[row]).length;
  find("known-count").textContent =
    `${counted(chosen.length, "source", "sources")} shown; ${grouped(outside)} of all ${grouped(known.length)} lie outside the region (dashed).`;
  fillCards(find("known-cards"), chosen, {
    about: aboutCard, onPress: (row) => openJudge("known", row), isMissed: (row) => !data.flagged[row],
  }, "None.");
}

/** What a card says of a label that may be wrong. */
function aboutDoubt(row) {
  if (verdicts.has(row)) return aboutCard(row);
  const reason = reasonOf(row) === data.no_reason ? "" : reasonOf(row);
  const label = reason || LABEL_WORDS.get(data.label[row]);
  return make("span", { dir: "auto" }, `${label}, wrong: ${percentOf(data.suspicion[row])}`);
}

function showDoubts() {
  if (!data.suspicion) return;
  for (const key of ["doubtful", "unlikely"]) {
    const { members } = queues.get(key);
    const wrong = members.filter((row) => data.suspicion[row] > 0.5).length;
    find(`${key}-count`).textContent = `${grouped(wrong)} of ${grouped(members.length)} more probably wrong than right`;
    find(`${key}-judge`).disabled = !members.length;
    fillCards(find(`${key}-cards`), members, {
      about: aboutDoubt, onPress: (row) => openJudge(key, row), atOnce: DOUBTS_AT_ONCE,
    }, "None.");
  }
}

/** Work with the sources that the filters let pass. */
function refreshQueues() {
  for (const [key, title, members] of queuesOf(byRank.filter(passes))) queues.set(key, { title, members });
  const which = find("next-which");
  const chosen = which.value;
  fillSelect(which, queueChoices());
  which.value = chosen;
  showCards();
}

function showCards() {
  showNext();
  showKnown();
  showDoubts();
}

function startCards() {
  fillSelect(find("next-which"), queueChoices());
  find("next-which").value = firstQueue();
  find("next-which").addEventListener("change", showNext);
  find("next-judge").addEventListener("click", () => openJudge(find("next-which").value));
  const counts = new Map();
  for (const row of queues.get("known").members) {
    counts.set(data.reason[row], (counts.get(data.reason[row]) ?? 0) + 1);
  }
  fillSelect(find("known-reason"), [["", "all reasons"],
    ...[...counts].sort((a, b) => b[1] - a[1]).map(([code, count]) => [code, `${data.reasons[code]} (${count})`])]);
  find("known-reason").addEventListener("change", showKnown);
  find("known-missed").addEventListener("change", showKnown);
  for (const button of document.querySelectorAll("[data-judge]")) {
    button.addEventListener("click", () => openJudge(button.dataset.judge));
  }
  showCards();
  window.addEventListener("beforeprint", () => {
    const more = find("known-cards").querySelector(".more");
    while (more && !more.hidden) more.click();
  });
}
