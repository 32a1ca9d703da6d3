/* Cutouts as the server draws them: fetched before they are shown, in the stretch that is chosen. */

const look = { stretch: "plain", contrast: 1 };
const fetched = new Map();
const MAX_FETCHED = 400;

function addressOf(row) {
  const how = survey.stretches.length ? `?stretch=${look.stretch}&contrast=${look.contrast}` : "";
  return `/cutouts/${connection.run}/${row}${how}`;
}

/** Fetch pictures that will be shown soon. */
function fetchCutouts(rows) {
  for (const src of rows.map(addressOf)) {
    if (fetched.has(src)) continue;
    const image = new Image();
    image.src = src;
    fetched.set(src, image);
    if (fetched.size > MAX_FETCHED) fetched.delete(fetched.keys().next().value);
  }
}

/** The cutout of a source; how many panels it has is known when it is there. */
function pictureOf(row, id, fit) {
  const src = addressOf(row);
  const alt = `Cutout of source ${id}`;
  const box = make("span", { className: "cutout" });
  const image = fetched.get(src) ?? make("img", { src });
  const show = () => {
    const { naturalWidth, naturalHeight } = image;
    const [width, height] = survey.panel;
    const isWhole = naturalWidth !== survey.n_panels * width || naturalHeight !== height;
    const picture = panelsOf({ src, alt, names: survey.panel_names }, isWhole ? 1 : survey.n_panels);
    box.size = isWhole ? [naturalWidth, naturalHeight] : survey.panel;
    box.replaceChildren(picture);
    fit(box);
  };
  const fail = () => box.replaceChildren(make("span", { className: "no-picture" }, "This cutout cannot be read"));
  if (image.complete && image.naturalWidth) show();
  else {
    image.addEventListener("load", show, { once: true });
    image.addEventListener("error", () => { fetched.delete(src); fail(); }, { once: true });
  }
  return box;
}

function fitCutout(box, width, height) {
  const picture = box.querySelector(".picture");
  if (picture) fitPanels(picture, box.size, width, height);
}

function chooseLook(stretch, contrast) {
  look.stretch = survey.stretches.includes(stretch) ? stretch : survey.stretches[0] ?? "plain";
  look.contrast = Math.min(Math.max(0, contrast), survey.n_contrasts - 1);
  remember("look", look);
  const hasContrast = look.stretch !== "plain";
  find("stretch").value = look.stretch;
  find("contrast").textContent = hasContrast ? `contrast ${look.contrast + 1}` : "contrast as drawn";
  find("fainter").disabled = !hasContrast || look.contrast === 0;
  find("harder").disabled = !hasContrast || look.contrast === survey.n_contrasts - 1;
}

function changeLook(stretch, contrast) {
  if (!survey.stretches.length) return;
  chooseLook(stretch, contrast);
  showAll();
}

function nextStretch() {
  const { stretches } = survey;
  changeLook(stretches[(stretches.indexOf(look.stretch) + 1) % stretches.length], look.contrast);
}

function changeContrast(step) {
  if (look.stretch !== "plain") changeLook(look.stretch, look.contrast + step);
}

function startLook() {
  find("stretching").hidden = !survey.stretches.length;
  fillSelect(find("stretch"), survey.stretches.map((name) => [name, name === "plain" ? "as drawn" : name]));
  const { stretch, contrast } = recall("look", look);
  chooseLook(stretch, Number.isInteger(contrast) ? contrast : 1);
}

function listenToLook() {
  find("stretch").addEventListener("change", (event) => { changeLook(event.target.value, look.contrast); find("stage").focus(); });
  find("fainter").addEventListener("click", () => changeContrast(-1));
  find("harder").addEventListener("click", () => changeContrast(1));
}
