/* Cutouts in cards, a page of them at a time. */

const CARDS_AT_ONCE = 36;

function cardOf(row, { about, onPress, missed = false }) {
  const press = make("button", { type: "button", "aria-label": `Judge source ${data.ids[row]}` },
    pictureOf(row));
  press.addEventListener("click", () => onPress(row));
  const card = make("article", { className: missed ? "card missed" : "card" }, press,
    make("div", { className: "card-about" }, make("b", { dir: "auto" }, data.ids[row]), about(row), ...skyLinkOf(row)));
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
    const next = chosen.slice(shown, shown + CARDS_AT_ONCE);
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

const queuesOf = (members) => [
  ["flagged", "Flagged, not yet inspected", members.filter((row) => data.label[row] < 0 && data.flagged[row])],
  ...(data.inspect_next.length ? [["mixed", "Mixed: most suspect, and most unusual", data.inspect_next.filter(passes)]] : []),
  ...(data.audit.length ? [["audit", "Audit: a random sample of the others", data.audit.filter(passes)]] : []),
  ["uninspected", "All that nobody has inspected", members.filter((row) => data.label[row] < 0)],
  ["doubtful", "Labeled reliable, to inspect again", members.filter((row) => data.label[row] === 0)],
  ["known", "Known spurious, to inspect again", members.filter((row) => data.label[row] === 1)],
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

/** Work with the sources that the filters let pass. */
function refreshQueues() {
  for (const [key, title, members] of queuesOf(byRank.filter(passes))) queues.set(key, { title, members });
  const which = find("next-which");
  const chosen = which.value;
  fillSelect(which, queueChoices());
  which.value = chosen;
  showNext();
  showKnown();
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
  showNext();
  showKnown();
  window.addEventListener("beforeprint", () => {
    const more = find("known-cards").querySelector(".more");
    while (more && !more.hidden) more.click();
  });
}
