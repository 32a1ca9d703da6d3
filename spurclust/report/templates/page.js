/* The page's data, and what is known of a source. */

const data = JSON.parse(document.getElementById("data").textContent);
const rows = Array.from(data.ids, (_, row) => row);
const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");
const LABEL_WORDS = new Map([[1, "spurious"], [0, "reliable"], [-1, "uninspected"]]);
const byRank = [...rows].sort((a, b) => data.rank[a] - data.rank[b]);

function reasonOf(row) {
  return data.reasons[data.reason[row]];
}

/** What is known of a source, as pairs of name and text. */
function factsOf(row) {
  const facts = [["label", LABEL_WORDS.get(data.label[row])]];
  if (reasonOf(row)) facts.push(["reason", reasonOf(row)]);
  facts.push(["component", `${data.component[row]}${data.flagged[row] ? ", flagged" : ""}`]);
  facts.push(["spurious probability", percentOf(data.fraction[row])]);
  if (data.calibrated) facts.push(["by the ranking", percentOf(data.probability[row])]);
  facts.push(["position in the order", `${grouped(data.rank[row])} of ${grouped(rows.length)}`]);
  if (data.novelty) facts.push(["novelty", data.novelty[row] === null ? "not known" : data.novelty[row].toFixed(2)]);
  if (data.stability) facts.push(["flagged in", `${percentOf(data.stability[row])} of runs`]);
  facts.push(...otherFactsOf(row));
  return facts;
}

/** A link to the position on the sky, which only a person follows; nothing without a position. */
function skyLinkOf(row) {
  const end = data.sky?.ends[row] ?? null;
  if (end === null) return [];
  return [make("a", {
    className: "sky", href: data.sky.start + end, target: "_blank", rel: "noopener noreferrer",
    title: "Opens a page of the Aladin sky viewer, which needs a network",
    "aria-label": `Source ${data.ids[row]} on the sky`,
  }, "sky")];
}

/** One cell of csv, quoted where it must be; an apostrophe keeps a spreadsheet from running it. */
function csvCell(value) {
  const plain = /^[+-]?[0-9.:\s]*[0-9][0-9.:\s]*([eE][-+]?[0-9]+)?$|^-?inf$/.test(value);
  const text = /^'*\s*[=+\-@#]/.test(value) && !plain ? `'${value}` : String(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvText(table) {
  return table.map((cells) => `${cells.map(csvCell).join(",")}\n`).join("");
}

function download(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}
