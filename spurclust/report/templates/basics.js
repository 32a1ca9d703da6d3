"use strict";
/* The small things that all other parts use. Text from tables and people reaches a page only as text
   nodes and property values, never as HTML. */

const LABEL_SIGNS = new Map([["spurious", "▲"], ["reliable", "●"], ["unsure", "?"]]);

function find(id) {
  return document.getElementById(id);
}

/** Make an element; strings among the children become text. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** A share with one digit, as everywhere in the page; never rounded to nothing or all. */
function percentOf(fraction) {
  if (fraction === null || fraction === undefined) return "not known";
  if (fraction > 0 && fraction < 0.001) return "< 0.1 %";
  if (fraction > 0.999 && fraction < 1) return "> 99.9 %";
  return `${(100 * fraction).toFixed(1)} %`;
}

function grouped(number) {
  return number.toLocaleString("en").replaceAll(",", "\u202f");
}

function counted(number, one, many) {
  return `${grouped(number)} ${number === 1 ? one : many}`;
}

function fillSelect(select, choices) {
  select.replaceChildren(...choices.map(([value, text]) => make("option", { value }, text)));
}
