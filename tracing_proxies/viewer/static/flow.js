/* The workflow as a graph: of one trace, or of the newest ones together. */

const MOST_NODES = 150;
const INNER = ["tool", "generation", "retriever", "embedding", "decision"];

async function showFlow(main, parameters, page, id) {
  if (id) return showFlowOfOne(main, page, id);
  const choices = await page.source.get("choices").catch(nothingMissing({ names: [] }));
  const graph = await page.source.get("flow", asked(parameters)).catch(nothingMissing({ traces: 0 }));
  main.append(el("div", { class: "head" }, el("h1", {}, "Flow"), el("p", { class: "found" }, graph.traces ? told(graph) : "")));
  main.append(flowForm(parameters, choices.names, page.source.live, (changed) => page.go("flow", changed)));
  if (!graph.traces) {
    main.append(state("Nothing has flowed yet", "As soon as traces end, the ways that they took are drawn here."));
    return {};
  }
  main.append(...canvas(parameters.name || parameters.steps ? graph : outline(graph), true).filter(Boolean), el("h2", {}, "Every step"), edgeTable(graph));
  return {};
}

/* Without what agents do by themselves: a graph of everything is a hundred boxes. */
function outline(graph) {
  const nodes = graph.nodes.filter((node) => !INNER.includes(node.kind));
  const known = new Set(nodes.map((node) => node.key));
  return { ...graph, nodes, edges: graph.edges.filter((edge) => known.has(edge.source) && known.has(edge.target)) };
}

function told(graph) {
  return (graph.complete ? "" : "the newest ") + plural(graph.traces, "trace") + ", " + plural(graph.spans, "span") + "; on the edges: calls, median duration, share that failed; each recorded call counts once";
}

async function showFlowOfOne(main, page, id) {
  const trace = await page.source.get("trace/" + encodeURIComponent(id));
  const tabs = el("nav", { class: "tabs", "aria-label": "Views of this trace" }, el("a", { href: address("trace/" + encodeURIComponent(id)) }, "Timeline"), el("a", { href: address("flow/" + encodeURIComponent(id)), "aria-current": "page" }, "Flow"));
  const choose = (node) => {
    const span = trace.spans.find((span) => (node.kind === "decision" ? span.decision === node.name : span.name === node.name));
    if (span) page.go("trace/" + encodeURIComponent(id), { span: span.id });
  };
  const go = (span) => page.go("trace/" + encodeURIComponent(id), { span: span.id });
  main.append(el("div", { class: "head" }, el("h1", {}, breakable(trace.spans[0].name)), el("p", { class: "found" }, moment(trace.about.start, true), " · ", plural(trace.spans.length, "span")), tabs), story(trace, go), ...canvas(trace.flow, false, choose).filter(Boolean), el("h2", {}, "Every step"), edgeTable(trace.flow));
  return {};
}

function canvas(graph, many, choose) {
  const drawn = drawGraph(busiest(graph), many, choose);
  const note = graph.nodes.length > MOST_NODES && el("p", { class: "sub" }, "The " + count(MOST_NODES) + " busiest of " + plural(graph.nodes.length, "step") + " are drawn.");
  return [note, el("div", { class: "canvas" + (choose ? " clickable" : ""), tabindex: "0", role: "region", "aria-label": "Graph, can be scrolled" }, drawn)];
}

/* As much of a graph as can be laid out while one waits, and be read. */
function busiest(graph) {
  if (graph.nodes.length <= MOST_NODES) return graph;
  const weight = (node) => (node.kind === "trigger" ? Infinity : node.errors * 10 + node.spans);
  const nodes = [...graph.nodes].sort((a, b) => weight(b) - weight(a)).slice(0, MOST_NODES);
  const known = new Set(nodes.map((node) => node.key));
  return { ...graph, nodes, edges: graph.edges.filter((edge) => known.has(edge.source) && known.has(edge.target)) };
}

function selectOf(name, label, options, chosen) {
  return el("label", {}, label, el("select", { name }, options.map(([value, text]) => el("option", { value, selected: (chosen || "") === value }, text))));
}

function selectForm(selects, change) {
  const form = el("form", { class: "filters", onsubmit: (event) => event.preventDefault() }, selects);
  form.addEventListener("change", () => change(Object.fromEntries([...new FormData(form)].filter(([, value]) => value))));
  return form;
}

function flowForm(parameters, names, live, change) {
  const times = live && [selectOf("name", "Trigger", [["", "All triggers, by source"], ...names.map((name) => [name, name])], parameters.name), selectOf("period", "Time", PERIODS, parameters.period)];
  const steps = !parameters.name && selectOf("steps", "Steps", [["", "Between agents"], ["all", "Tools, models and decisions too"]], parameters.steps);
  return selectForm([times, steps], change);
}

function periodForm(parameters, change) {
  return selectForm([selectOf("period", "Time", PERIODS, parameters.period)], change);
}
