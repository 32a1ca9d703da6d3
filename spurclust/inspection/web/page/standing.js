/* How far the inspection is, and when to stop. */

const POLL_SECONDS = 4;
const WIDE = window.matchMedia("(min-width: 1200px)");
const SVG = "http://www.w3.org/2000/svg";
let standing = null;

function svg(tag, attributes, text = "") {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

/** A share in whole per cents, never rounded up. */
function share(fraction) {
  return `${Math.floor(100 * fraction + 1e-9)} %`;
}

function number(name, value, detail = "") {
  return make("div", {}, make("dt", {}, name), make("dd", {}, make("b", {}, value), ...(detail ? [make("span", {}, ` ${detail}`)] : [])));
}

function expectedText() {
  if (standing.completeness === null) return ["not known yet", "After some verdicts, with a spurious and a reliable source among them."];
  const interval = standing.completeness_interval;
  const about = `about ${Math.round(standing.n_expected)} spurious in all`;
  return [`about ${share(standing.completeness)}`,
    interval ? `${share(interval[0])} to ${share(interval[1])}; ${about}` : about];
}

function showNumbers() {
  const [expected, how] = expectedText();
  const { audited } = standing;
  find("numbers").replaceChildren(
    number("Inspected", grouped(standing.n_inspected), `of ${grouped(standing.n_sources)}`),
    number("Spurious found", grouped(standing.n_spurious),
      `${grouped(standing.n_reliable)} reliable, ${grouped(standing.n_unsure)} unsure, ${grouped(standing.n_disputed)} disputed`),
    number("Found so far, expected", expected, how),
    number("Found so far, guaranteed", `at least ${share(standing.completeness_bound)}`,
      `at most ${grouped(standing.most_remaining)} remain, with 95 % confidence at any time; from ${counted(audited.n_inspected, "source", "sources")} drawn at random`));
  find("needed").textContent = standing.n_needed
    ? `about ${counted(standing.n_needed, "more source", "more sources")} drawn at random, if none of them is spurious.`
    : "that is guaranteed already.";
}

function showCurve() {
  const [left, right, top, bottom] = [34, 312, 10, 156];
  const [nMax, foundMax] = standing.curve.at(-1).map((value) => Math.max(1, value));
  const x = (n) => left + ((right - left) * n) / nMax;
  const y = (n) => bottom - ((bottom - top) * n) / foundMax;
  const points = standing.curve.map(([n, found]) => `${x(n).toFixed(1)},${y(found).toFixed(1)}`).join(" ");
  find("curve").replaceChildren(
    svg("path", { d: `M${left} ${top}V${bottom}H${right}`, class: "axis" }),
    svg("polyline", { points, class: "line" }),
    svg("text", { x: left - 5, y: top + 6, "text-anchor": "end" }, grouped(foundMax)),
    svg("text", { x: left - 5, y: bottom, "text-anchor": "end" }, "0"),
    svg("text", { x: left, y: bottom + 16 }, "0"),
    svg("text", { x: right, y: bottom + 16, "text-anchor": "end" }, counted(nMax, "inspection", "inspections")));
}

function part(title, about, ...children) {
  return make("section", {}, make("h2", {}, title), make("p", { className: "note-text" }, about), ...children);
}

function tableOf(heads, rows) {
  return make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", {}, head)))),
    make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", { dir: "auto" }, cell))))));
}

function kappaOf(row) {
  if (row.kappa === null || row.kappa_low === null) return "not known yet";
  return `${row.kappa.toFixed(2)} (${row.kappa_low.toFixed(2)} to ${row.kappa_high.toFixed(2)})`;
}

function agreementPart() {
  const shown = standing.agreement.filter((row) => row.about === "spurious");
  const reasons = standing.agreement.filter((row) => row.about !== "spurious");
  const cells = (name) => (row) => [row[name], grouped(row.n_sources), kappaOf(row)];
  return part("Agreement", "Kappa of independent verdicts, with its 95 % interval: 1 is full agreement, 0 is agreement by chance.",
    tableOf(["inspectors", "sources", "kappa"], shown.map(cells("inspectors"))),
    ...(reasons.length ? [tableOf(["reason, of all", "sources", "kappa"], reasons.map(cells("about")))] : []));
}

function disputesPart() {
  const { adjudicators } = survey;
  const mine = adjudicators.includes(survey.inspector);
  let about = "Another inspector is asked, and the majority counts.";
  if (mine) about = "You are shown these first, and your verdict decides.";
  else if (adjudicators.length) about = `Decided by ${adjudicators.join(" or ")}.`;
  const saying = (one) => one.opinions.map((said) => `${said.inspector} ${LABEL_SIGNS.get(said.verdict)} ${said.verdict}`).join(", ");
  const items = standing.disputes.map((one) => make("li", { dir: "auto" }, make("b", {}, one.id), one.opinions.length ? ` ${saying(one)}` : ""));
  const more = standing.n_disputed - items.length;
  if (more > 0) items.push(make("li", {}, `and ${grouped(more)} more`));
  return part(`Disagreements: ${grouped(standing.n_disputed)}`, about, make("ul", {}, ...items));
}

function showTeam() {
  const names = Object.entries(standing.inspectors);
  const parts = [];
  if (names.length > 1) {
    parts.push(part("Inspectors", "", tableOf(["name", "sources judged"], names.map(([name, n]) => [name, grouped(n)]))));
  }
  if (standing.agreement.length) parts.push(agreementPart());
  if (standing.n_disputed) parts.push(disputesPart());
  find("team").replaceChildren(...parts);
}

let wasMaking = false;

function showResults(results) {
  const { state } = results;
  find("results").hidden = state === "absent";
  find("make-results").disabled = state === "making";
  const texts = {
    making: ["They are being made in the background. You can go on judging."],
    failed: [`They could not be made: ${results.error}`],
    ready: [`Ready, of ${counted(results.n_inspected ?? 0, "inspection", "inspections")}, on the machine that serves this page: ${results.folder}`],
  };
  const link = results.has_report ? [" ", make("a", { href: "/report.html", download: "" }, "report.html")] : [];
  find("results-state").replaceChildren(...(texts[state] ?? []), ...link);
  if (state === "making") wasMaking = true;
  const news = { making: ": results are being made", ready: ": results are ready", failed: ": results failed" }[state];
  find("export-title").textContent = `Export${wasMaking && news ? news : ""}`;
}

async function makeResults() {
  try {
    showResults(await ask("/api/results", posting({})));
    notice("");
  } catch (error) {
    notice(error instanceof Refused ? error.message : "The server does not answer: try again.");
  }
}

function showStanding() {
  find("bar").max = standing.n_sources;
  find("bar").value = standing.n_inspected;
  find("count").textContent = `${grouped(standing.n_inspected)} of ${grouped(standing.n_sources)} inspected, ${grouped(standing.n_spurious)} spurious`;
  const parts = [];
  if (standing.completeness !== null) parts.push(`about ${share(standing.completeness)} (expected)`);
  if (standing.audited.n_inspected) parts.push(`at least ${share(standing.completeness_bound)} (guaranteed)`);
  find("summary").textContent = parts.length ? `of the spurious, found: ${parts.join(", ")}` : "";
  showNumbers();
  showCurve();
  showTeam();
  showResults(standing.results);
}

async function countAnew() {
  let answer;
  try {
    answer = await ask(`/api/progress?guarantee=${find("guarantee").value}`);
  } catch (error) {
    if (error instanceof Refused) notice(error.message);
    return;
  }
  standing = answer;
  showStanding();
  if (answer.run !== connection.run) await startSurvey();
  await refreshPoints();
}

let counting = Promise.resolve();
let isWaiting = false;

/** Count soon, and not more than once at a time. */
function refreshStanding() {
  if (isWaiting) return;
  isWaiting = true;
  counting = counting.then(() => sleep(0.15)).then(() => { isWaiting = false; return countAnew(); });
}

function toggleStanding() {
  const isHidden = !find("standing").hidden;
  remember("standing", !isHidden);
  showAside(!isHidden);
  fitAll();
  if (!isHidden) refreshStanding();
  if (!isHidden) find("standing").scrollIntoView({ block: "nearest" });
}

function showAside(isShown) {
  find("standing").hidden = !isShown;
  find("toggle-standing").setAttribute("aria-pressed", String(isShown));
  find("inspect").classList.toggle("with-standing", isShown);
}

function startStanding() {
  fillSelect(find("guarantee"), survey.guarantees.map((value) => [value, share(value)]));
  find("guarantee").value = String(recall("guarantee", survey.guarantees[1]));
  if (!find("guarantee").value) find("guarantee").selectedIndex = 1;
  showAside(recall("standing", WIDE.matches));
}

function listenToStanding() {
  find("toggle-standing").addEventListener("click", toggleStanding);
  find("make-results").addEventListener("click", makeResults);
  find("guarantee").addEventListener("change", () => {
    remember("guarantee", Number(find("guarantee").value));
    refreshStanding();
    find("stage").focus();
  });
  setInterval(() => { if (!document.hidden) refreshStanding(); }, 1000 * POLL_SECONDS);
}
