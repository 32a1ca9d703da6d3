/* A cutout as panels beside or below each other, every pixel enlarged by a whole number. */

const PANEL_GAP = 3;

/** One panel of a picture, which holds all of them side by side. */
function panelOf({ src, alt, names }, index, count) {
  const name = names[index] ?? "";
  const image = make("img", { alt: name && count > 1 ? `${alt}, panel ${name}` : alt, src });
  image.style.width = `${100 * count}%`;
  image.style.marginLeft = `${-100 * index}%`;
  const caption = count > 1 ? name : names.join(" · ");
  return make("span", { className: "one-panel" }, make("span", { className: "window" }, image),
    ...(caption ? [make("span", { className: "filter", dir: "auto" }, caption)] : []));
}

/** All panels of a picture: its address, what it shows, the names of its panels, and how many it has. */
function panelsOf(picture, count) {
  return make("span", { className: "picture" },
    ...Array.from({ length: count }, (_, index) => panelOf(picture, index, count)));
}

/** Pixels of the page for one of a panel of this width, at most so many in all: whole ones of the screen. */
function scaleFor(room, pixels) {
  const device = window.devicePixelRatio || 1;
  return Math.floor((device * room) / pixels) / device || Math.max(room, 1) / pixels;
}

/** Arrange panels of so many pixels across and down so that they are as large as fits. */
function fitPanels(picture, [across, down], width, height) {
  const count = picture.children.length;
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
