/* One trace: what triggered it and what was decided, its timeline, and the chosen span's details. */

async function showTrace(main, parameters, page, id) {
  const trace = await page.source.get("trace/" + encodeURIComponent(id));
  const spans = trace.spans;
  const top = spans[0];
  const panel = el("aside", { class: "details", "aria-label": "Details of the chosen span", tabindex: "0" });
  let asking = 0;
  const choose = async (span) => {
    const now = ++asking;
    page.note("trace/" + encodeURIComponent(id), { span: span.id });
    const details = await page.source.get("trace/" + encodeURIComponent(id) + "/" + encodeURIComponent(span.id)).catch((error) => page.fail(error));
    if (details && now === asking && !page.left) showDetails(panel, span, details);
  };
  const timeline = new Timeline(spans, (span) => void choose(span));
  const go = (span) => {
    timeline.select(spans.indexOf(span));
    panel.scrollIntoView({ block: "nearest" });
  };
  const errors = spans.filter((span) => span.level === "ERROR").length;
  main.append(
    el(
      "div",
      { class: "head" },
      el("h1", {}, mark(errors ? "ERROR" : "DEFAULT"), breakable(top.name)),
      el("p", { class: "found" }, moment(trace.about.start, true), " · ", duration(timeline.total / 1e6), " · ", plural(spans.length, "span"), errors ? el("span", { class: "bad" }, " · " + plural(errors, "error")) : ""),
      el("nav", { class: "tabs", "aria-label": "Views of this trace" }, el("a", { href: address("trace/" + encodeURIComponent(id)), "aria-current": "page" }, "Timeline"), el("a", { href: address("flow/" + encodeURIComponent(id)) }, "Flow"), trace.langfuse && el("a", { href: trace.langfuse, target: "_blank", rel: "noopener noreferrer" }, "In Langfuse ↗")),
    ),
    story(trace, go, true),
    el("div", { class: "split" }, el("div", { class: "side" }, tools(timeline, errors), timeline.element), panel),
  );
  const first = spans.findIndex((span) => span.id === parameters.span);
  timeline.select(first < 0 ? 0 : first, true);
  await choose(spans[Math.max(first, 0)]);
  return {
    renew: async (told) => {
      if (told.traces.includes(id) && (await page.source.get("trace/" + encodeURIComponent(id))).spans.length !== spans.length) page.again();
    },
  };
}

/* From the trigger to its decisions, each a way into the timeline. */
function story(trace, go, withPath) {
  const { metadata = {}, tags = [] } = trace.about;
  const top = trace.spans[0];
  const decided = trace.spans.filter((span) => span.type === "agent" && span.decision && span.level !== "WARNING");
  const told = (key) => (metadata && typeof metadata[key] === "string" ? metadata[key] : null);
  const products = metadata && Array.isArray(metadata.products) ? metadata.products.join(", ") : null;
  const step = (kind, title, ...more) => el("li", { class: "step " + kind }, el("span", { class: "what" }, title), ...more);
  const seen = new Set();
  const unique = decided.filter((span) => !seen.has(span.name + span.decision) && seen.add(span.name + span.decision));
  const slowest = trace.spans.filter((span) => span.self_time !== undefined).sort((a, b) => b.self_time - a.self_time).slice(0, 3);
  return el(
    "ol",
    { class: "story", "aria-label": "From trigger to decision" },
    step("trigger", "Trigger", el("button", { type: "button", class: "link", onclick: () => go(top) }, breakable(told("trigger_name") || told("trigger_type") || top.name)), el("span", { class: "sub" }, [told("trigger_source"), told("intensity") && told("intensity") + " intensity", products].filter(Boolean).join(" · ") || (tags || []).join(" · "))),
    unique.slice(0, 4).map((span) => step("agent", breakable(span.name), el("button", { type: "button", class: "link", onclick: () => go(span) }, breakable(span.decision)), el("span", { class: "sub" }, span.confidence !== undefined ? "confidence " + span.confidence.toFixed(2) : "no confidence given"))),
    unique.length > 4 ? step("agent", "and", el("span", {}, plural(unique.length - 4, "more decision"))) : null,
    step("decision", "Outcome", el("strong", {}, breakable(told("outcome.decision") || told("outcome.status") || (top.level === "ERROR" ? "failed" : "ended"))), el("span", { class: "sub" }, top.message || (told("outcome.decision") && told("outcome.status")))),
    withPath && step("path", "Time went to", el("span", { class: "paths" }, slowest.map((span) => el("button", { type: "button", class: "link", onclick: () => go(span) }, breakable(span.name), " " + duration(span.self_time / 1e6))))),
  );
}

function tools(timeline, errors) {
  const told = el("span", { class: "sub", role: "status" });
  const box = el("input", { type: "search", placeholder: "Find a span", "aria-label": "Find a span", autocomplete: "off" });
  let fits = () => false;
  box.addEventListener("input", () => {
    const found = timeline.find(box.value);
    fits = found.fits;
    told.textContent = box.value ? plural(found.hits, "hit") : "";
  });
  box.addEventListener("keydown", (event) => event.key === "Enter" && box.value && timeline.seek(fits));
  const button = (text, action) => el("button", { type: "button", class: "quiet", onclick: action }, text);
  return el(
    "div",
    { class: "tools" },
    box,
    told,
    errors ? button("Next error", () => timeline.seek((span) => span.level === "ERROR")) : null,
    button("Fold", () => timeline.foldAll(true)),
    button("Unfold", () => timeline.foldAll(false)),
    el("span", { class: "legend" }, el("i", { class: "critical-key" }), "critical path"),
  );
}
