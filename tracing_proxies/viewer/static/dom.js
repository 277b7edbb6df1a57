/* Makes elements. Text only ever becomes text: nothing here, or on the page, parses markup. */

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/* A link to one of the page's own views, with its parameters. */
function address(path, parameters) {
  const query = new URLSearchParams(Object.entries(parameters || {}).filter(([, value]) => value));
  return "#/" + path + (query.size ? "?" + query : "");
}

function chip(kind, text) {
  return el("span", { class: "chip kind-" + kind.replace(/[^a-z]/gi, "") }, text === undefined ? kind : text);
}

function mark(level) {
  if (level === "ERROR") return el("span", { class: "mark error", title: "Error" }, "✗", hidden("error "));
  if (level === "WARNING") return el("span", { class: "mark warning", title: "Warning" }, "!", hidden("warning "));
  return null;
}

/* A name that may be broken where its words end, and so is not broken within one. */
function breakable(text) {
  return String(text).split(/(?<=[_.:/])(?=[^_.:/])/).flatMap((word, at) => (at ? [el("wbr"), word] : [word]));
}

function hidden(text) {
  return el("span", { class: "unseen" }, text);
}

function state(title, ...more) {
  return el("div", { class: "state" }, el("h2", {}, title), ...more.map((text) => (text instanceof Node ? text : el("p", {}, text))));
}

function facts(pairs, name) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (!shown.length) return null;
  return el("dl", { class: name || "facts" }, shown.map(([key, value]) => el("div", {}, el("dt", {}, key), el("dd", {}, value))));
}
