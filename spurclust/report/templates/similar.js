/* The sources of the survey that are most similar to one, in a window of their own. */

const hasSimilar = (row) => row !== undefined && Boolean(data.similar?.[row]?.length);

function showSimilar(row) {
  const members = [row, ...data.similar[row]];
  queues.set("similar", { title: `Similar to ${data.ids[row]}`, members });
  find("similar-title").textContent = `Most similar to ${data.ids[row]}`;
  fillCards(find("similar-cards"), members, { about: aboutCard, onPress: judgeSimilar }, "");
  find("similar-cards").firstChild.classList.add("own");
  hideHover();
  if (!find("similar").open) find("similar").showModal();
  find("similar").scrollTop = 0;
}

function judgeSimilar(row = null) {
  find("similar").close();
  openJudge("similar", row);
}

function similarButtonOf(row) {
  if (!hasSimilar(row)) return [];
  const button = make("button", { type: "button", className: "link", "aria-label": `Show sources similar to ${data.ids[row]}` }, "similar");
  button.addEventListener("click", () => showSimilar(row));
  return [button];
}

function startSimilar() {
  find("similar-close").addEventListener("click", () => find("similar").close());
  find("similar-judge").addEventListener("click", () => judgeSimilar());
  find("judge-similar").hidden = !data.similar;
  find("judge-similar").addEventListener("click", () => showSimilar(judgeRow()));
}
