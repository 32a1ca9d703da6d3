/* One key for every verdict, and the digits for reasons. */

const MAX_REASON_KEYS = 9;

/** Show a button for each reason; the first have a digit. */
function fillReasons(container, reasons, pressed, choose) {
  container.replaceChildren(...reasons.map((reason, index) => {
    const button = make("button", { type: "button", title: reason, "aria-pressed": String(reason === pressed) },
      ...(index < MAX_REASON_KEYS ? [make("kbd", {}, String(index + 1)), " "] : []), make("span", { dir: "auto" }, reason));
    button.addEventListener("click", () => choose(reason));
    return button;
  }));
}

/** Do what a key stands for, unless somebody writes. */
function pressKey(event, keys, reasons, choose) {
  if (event.target.matches("input, select, textarea")) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  const reason = /^[1-9]$/.test(key) ? reasons[Number(key) - 1] : undefined;
  const act = reason === undefined ? keys.get(key) : () => choose(reason);
  // A key held down must not judge a row of sources that nobody has seen.
  if (act === undefined || (event.repeat && !key.startsWith("arrow"))) return;
  event.preventDefault();
  act();
}
