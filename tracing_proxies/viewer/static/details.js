/* Everything about one span. */

const LONGEST_SHOWN = 20000;

function showDetails(panel, span, details) {
  const metadata = { ...(details.metadata || {}) };
  const outcome = take(metadata, (key) => key.startsWith("outcome."), (key) => key.slice(8));
  const error = take(metadata, (key) => key.startsWith("error."), (key) => key.slice(6));
  const confidence = typeof outcome.confidence === "number" ? outcome.confidence : null;
  const { decision, rationale, recovery_action: recovery } = outcome;
  for (const key of ["decision", "rationale", "confidence"]) delete outcome[key];
  const usage = Object.entries(details.usage_details || {}).map(([key, value]) => [key, count(value) + " tokens"]);
  const parts = [
    el("h2", { tabindex: "-1" }, mark(span.level), chip(span.type), " ", el("span", { class: "title" }, breakable(span.name))),
    facts([
      ["Duration", duration(span.duration / 1e6)],
      ["Started", moment(details.start)],
      ["On the critical path", span.self_time !== undefined && duration(span.self_time / 1e6) + " of its own"],
      ["Model", details.model],
      ...usage,
    ].filter(([, value]) => value)),
    details.level === "ERROR" || details.status_message ? section(details.level === "ERROR" ? "Error" : "Message", [
      el("p", { class: "message" }, details.status_message || "failed"),
      facts([["Type", error.type], ["Kind", error.returned && "returned, not raised"], ["Recovery", recovery && String(recovery)], ["Causes", error.causes && [].concat(error.causes).join("; ")]]),
      error.stack && el("details", {}, el("summary", {}, "Stack, outermost call first"), el("pre", { tabindex: "0" }, [].concat(error.stack).join("\n"))),
    ], details.level === "ERROR" ? "bad" : "") : null,
    decision !== undefined || confidence !== null || rationale !== undefined || Object.keys(outcome).length ? section("Outcome", [
      decision !== undefined && el("p", { class: "verdict" }, breakable(plainly(decision))),
      confidence !== null && el("div", { class: "confidence" }, el("meter", { min: 0, max: 1, value: confidence, "aria-label": "Confidence" }), el("span", {}, "confidence " + confidence.toFixed(2))),
      rationale !== undefined && el("p", { class: "rationale" }, plainly(rationale)),
      Object.keys(outcome).length ? facts(Object.entries(outcome).map(([key, value]) => [key.replaceAll("_", " "), plainly(value)]), "facts stacked") : null,
    ]) : null,
    payload("Input", details.input),
    payload("Output", details.output),
    Object.keys(metadata).length ? payload("Metadata", metadata) : null,
    section("Origin", facts([
      ["Span", el("code", {}, details.id)],
      ["Parent", details.parent_observation_id ? el("code", {}, details.parent_observation_id) : "none"],
      ["Service", details.service_name],
      ["Environment", details.environment],
      ["Session", details.session_id],
      ["User", details.user_id],
      ["Stands for", details.sampling_weight !== 1 && count(details.sampling_weight) + " calls"],
    ].filter(([, value]) => value), "facts stacked")),
  ];
  panel.replaceChildren(...parts.filter(Boolean));
  panel.scrollTop = 0;
}

function take(metadata, wanted, named) {
  const taken = {};
  for (const key of Object.keys(metadata)) {
    if (!wanted(key)) continue;
    taken[named(key)] = metadata[key];
    delete metadata[key];
  }
  return taken;
}

function plainly(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function section(title, children, extra) {
  return el("section", { class: extra || "" }, el("h3", {}, title), children);
}

function payload(title, value) {
  if (value === null || value === undefined) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const pre = el("pre", { tabindex: "0", "aria-label": title }, coloured(text.slice(0, LONGEST_SHOWN)));
  const rest = text.length > LONGEST_SHOWN && el("button", { type: "button", class: "quiet", onclick: (event) => (pre.replaceChildren(document.createTextNode(text)), event.target.remove()) }, "Show all " + count(text.length) + " characters");
  return section(title, [pre, rest]);
}

/* Splits JSON text into spans for keys, texts and figures. */
function coloured(text) {
  const pieces = [];
  const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi;
  let at = 0;
  for (const found of text.matchAll(token)) {
    pieces.push(text.slice(at, found.index));
    pieces.push(el("span", { class: found[2] ? "j-key" : found[1] ? "j-text" : "j-figure" }, found[1] || found[0]));
    if (found[2]) pieces.push(found[2]);
    at = found.index + found[0].length;
  }
  pieces.push(text.slice(at));
  return pieces;
}
