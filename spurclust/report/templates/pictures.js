/* Cutouts as pictures: panels beside or below each other, every pixel enlarged by a whole number. */

const PANEL_GAP = 3;
const whole = new Set(data.whole);

function hasCutout(row) {
  return data.cutouts[row] !== undefined;
}

/** One panel of a picture, which holds all of them side by side. */
function panelOf(row, index, count) {
  const name = data.panel_names[index] ?? "";
  const image = make("img", {
    alt: `Cutout of source ${data.ids[row]}${name && count > 1 ? `, panel ${name}` : ""}`,
    src: `data:image/jpeg;base64,${data.cutouts[row]}`,
  });
  image.style.width = `${100 * count}%`;
  image.style.marginLeft = `${-100 * index}%`;
  const caption = count > 1 ? name : data.panel_names.join(" · ");
  return make("span", { className: "one-panel" }, make("span", { className: "window" }, image),
    ...(caption ? [make("span", { className: "filter", dir: "auto" }, caption)] : []));
}

/** The cutout of a source as a picture, or words where the page has none. */
function pictureOf(row) {
  if (!hasCutout(row)) return make("span", { className: "no-picture" }, "cutout not in this page");
  const count = whole.has(row) ? 1 : data.n_panels;
  return make("span", { className: "picture", "data-row": row },
    ...Array.from({ length: count }, (_, index) => panelOf(row, index, count)));
}

/** Pixels of the page for one of a panel of this width, at most so many in all: whole ones of the screen. */
function scaleFor(room, pixels) {
  const device = window.devicePixelRatio || 1;
  return Math.floor((device * room) / pixels) / device || Math.max(room, 1) / pixels;
}

/** Arrange the panels of a picture so that they are as large as fits. */
function fitPicture(picture, width, height) {
  const image = picture.querySelector("img");
  if (image === null) return;
  const count = picture.children.length;
  const isWhole = whole.has(Number(picture.dataset.row));
  const [across, down] = isWhole ? [image.naturalWidth, image.naturalHeight] : data.panel;
  if (!across) {
    image.addEventListener("load", () => fitPicture(picture, width, height), { once: true });
    return;
  }
  const caption = picture.querySelector(".filter")?.offsetHeight ?? 0;
  let best = { scale: 0, columns: count };
  for (let lines = 1; lines <= count; lines += 1) {
    const columns = Math.ceil(count / lines);
    const scale = Math.min(
      scaleFor(width - (columns - 1) * PANEL_GAP, columns * across),
      scaleFor(height - (lines - 1) * PANEL_GAP - lines * caption, lines * down));
    if (scale > best.scale) best = { scale, columns };
  }
  picture.style.gridTemplateColumns = `repeat(${best.columns}, ${best.scale * across}px)`;
}

/** Set the width of cards in the style sheet, from the pixels that the cutouts have. */
function measureCards() {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const [width, height] = [data.n_panels * data.panel[0], data.panel[1]];
  const gaps = (data.n_panels - 1) * PANEL_GAP;
  const room = Math.min((width > 2 * height ? 22 : 11) * rem, document.body.clientWidth - 3 * rem);
  document.documentElement.style.setProperty("--card", `${scaleFor(room - gaps, width) * width + gaps + 2}px`);
}
