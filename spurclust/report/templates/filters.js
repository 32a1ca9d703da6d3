/* Other columns of the team's tables: what they say of a source, and which sources are shown. */

const filters = new Map();

function passes(row) {
  for (const test of filters.values()) if (!test(row)) return false;
  return true;
}

/** What a column says of a source, "" for nothing. */
function cellOf({ numbers, names, codes }, row) {
  return numbers ? String(numbers[row] ?? "") : names[codes[row]];
}

function otherFactsOf(row) {
  return data.columns.map((column) => [column.name, cellOf(column, row)]).filter(([, text]) => text !== "");
}

/** A test of a column of text: the whole cell where some cell is this text, else a part of it. */
function textTest({ names, codes }, wanted) {
  const text = wanted.trim().toLowerCase();
  const whole = names.some((name) => name.toLowerCase() === text);
  const kept = new Set([...names.keys()].filter((code) => {
    const name = names[code].toLowerCase();
    return whole ? name === text : name.includes(text);
  }));
  return (row) => kept.has(codes[row]);
}

function numberTest({ numbers }, low, high) {
  const least = low === "" ? -Infinity : Number(low);
  const most = high === "" ? Infinity : Number(high);
  return (row) => numbers[row] !== null && numbers[row] >= least && numbers[row] <= most;
}

function readFilter() {
  const column = data.columns[find("filter-by").value];
  const [text, low, high] = ["filter-text", "filter-low", "filter-high"].map((id) => find(id).value);
  filters.delete(column.name);
  if (column.numbers && (low !== "" || high !== "")) filters.set(column.name, numberTest(column, low, high));
  if (!column.numbers && text.trim() !== "") filters.set(column.name, textTest(column, text));
  showFiltered();
}

/** Show the controls of a column, empty: its own filter ends, those of other columns stay. */
function showFilter() {
  const column = data.columns[find("filter-by").value];
  find("filter-text").hidden = Boolean(column.numbers);
  find("filter-range").hidden = !column.numbers;
  for (const id of ["filter-text", "filter-low", "filter-high"]) find(id).value = "";
  const known = (column.names ?? []).filter((name) => name !== "").slice(0, 50);
  find("filter-names").replaceChildren(...known.map((value) => make("option", { value })));
  readFilter();
}

function showFiltered() {
  const shown = rows.filter(passes);
  find("filter-count").textContent = filters.size
    ? `${grouped(shown.length)} of ${counted(rows.length, "source", "sources")} shown, by ${[...filters.keys()].join(", ")}` : "";
  find("filter-clear").hidden = !filters.size;
  refreshQueues();
  if (embedding.way) showGroups();
}

function startFilters() {
  if (!data.columns.length) return;
  fillSelect(find("filter-by"), data.columns.map(({ name }, index) => [index, name]));
  find("filter-by").addEventListener("change", showFilter);
  for (const id of ["filter-text", "filter-low", "filter-high"]) find(id).addEventListener("input", readFilter);
  find("filter-clear").addEventListener("click", () => { filters.clear(); showFilter(); });
  showFilter();
}
