/* The cutouts that are in the page. */

const cutouts = JSON.parse(find("cutouts").textContent);
const whole = new Set(data.whole);

function hasCutout(row) {
  return cutouts[row] !== undefined;
}

/** The cutout of a source as a picture, or words where the page has none. */
function pictureOf(row) {
  if (!hasCutout(row)) return make("span", { className: "no-picture" }, "cutout not in this page");
  const picture = panelsOf({
    src: `data:image/jpeg;base64,${cutouts[row]}`,
    alt: `Cutout of source ${data.ids[row]}`,
    names: data.panel_names,
  }, whole.has(row) ? 1 : data.n_panels);
  picture.dataset.row = row;
  return picture;
}

/** Arrange the panels of a picture so that they are as large as fits. */
function fitPicture(picture, width, height) {
  const image = picture.querySelector("img");
  if (image === null) return;
  const isWhole = whole.has(Number(picture.dataset.row));
  const [across, down] = isWhole ? [image.naturalWidth, image.naturalHeight] : data.panel;
  if (!across) {
    image.addEventListener("load", () => fitPicture(picture, width, height), { once: true });
    return;
  }
  fitPanels(picture, [across, down], width, height);
}

/** Set the width of cards in the style sheet, from the pixels that the cutouts have. */
function measureCards() {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const [width, height] = [data.n_panels * data.panel[0], data.panel[1]];
  const gaps = (data.n_panels - 1) * PANEL_GAP;
  const room = Math.min((width > 2 * height ? 22 : 11) * rem, document.body.clientWidth - 3 * rem);
  document.documentElement.style.setProperty("--card", `${scaleFor(room - gaps, width) * width + gaps + 2}px`);
}
