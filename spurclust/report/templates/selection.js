/* What box, lasso, search and the table of components have chosen. */

function showSelection() {
  const chosen = selectedRows().sort((a, b) => data.rank[a] - data.rank[b]);
  find("selection").hidden = !chosen.length;
  if (!chosen.length) return;
  const counts = [1, 0, -1].map((label) => [LABEL_WORDS.get(label), chosen.filter((row) => data.label[row] === label).length]);
  const parts = counts.filter(([, count]) => count).map(([word, count]) => `${count} ${word}`);
  find("selection-title").textContent = `${counted(chosen.length, "source", "sources")} selected: ${parts.join(", ")}`;
  queues.set("selection", { title: "Selected in the embedding", members: chosen });
  fillCards(find("selection-cards"), chosen, { about: aboutCard, onPress: (row) => openJudge("selection", row) }, "");
}

function selectionTable() {
  const positions = ["ra", "dec"].filter((name) => data[name]);
  const head = [data.label_options.id_column, "label", "reason", "component", "spurious_probability", "flagged",
    ...positions, ...data.columns.map(({ name }) => name)];
  return [head, ...selectedRows().sort((a, b) => data.rank[a] - data.rank[b]).map((row) => [
    data.ids[row], data.label[row] < 0 ? "" : LABEL_WORDS.get(data.label[row]), reasonOf(row),
    data.component[row], data.fraction[row] ?? "", data.flagged[row] ? "True" : "False",
    ...positions.map((name) => data[name][row] ?? ""), ...data.columns.map((column) => cellOf(column, row))])];
}

function startSelection() {
  embedding.source.selected.properties.indices.change.connect(showSelection);
  find("selection-judge").addEventListener("click", () => openJudge("selection"));
  find("selection-clear").addEventListener("click", () => selectRows([]));
  find("selection-download").addEventListener("click", () => download("selection.csv", csvText(selectionTable())));
}
