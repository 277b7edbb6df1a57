/* Draws a graph of steps: placed by dagre, drawn as SVG. */

const MOST_ROWS = 500;
const NODE_HEIGHT = 46;
const LETTER = 7.7;
const SMALL_LETTER = 6.1;
const LONGEST_NAME = 30;
const LEAST_SCALE = 0.62; // smaller text cannot be read

function cut(text, length) {
  return text.length > length ? text.slice(0, length - 1) + "…" : text;
}

/* The method of a class, since the class would be cut off with the rest. */
function shortName(name, kind) {
  if (kind === "generation" || kind === "agent" || kind === "decision") return cut(name, LONGEST_NAME);
  return cut(name.slice(name.lastIndexOf(".", name.length - 2) + 1) || name, LONGEST_NAME);
}

function underName(node, many) {
  const failed = node.errors ? " · " + (many ? share(node.errors, node.spans) + " ✗" : plural(node.errors, "error")) : "";
  return node.kind + (node.spans > 1 ? " · ×" + count(node.spans) : "") + failed;
}

function edgeLabel(edge, many) {
  const failed = edge.errors ? " · " + (many ? share(edge.errors, edge.count) : edge.errors) + " ✗" : "";
  const times = edge.count > 1 || many ? "×" + count(edge.count) + " · " : "";
  return (edge.label ? edge.label + " · " : "") + times + duration(edge.p50) + failed;
}

function drawGraph(graph, many, choose) {
  const layout = new dagre.graphlib.Graph({ multigraph: true });
  layout.setGraph({ rankdir: "LR", nodesep: 14, ranksep: 46, edgesep: 8, marginx: 8, marginy: 8 });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) {
    const width = Math.max(112, shortName(node.name, node.kind).length * LETTER + 24, underName(node, many).length * SMALL_LETTER + 20);
    layout.setNode(node.key, { width, height: NODE_HEIGHT });
  }
  graph.edges.forEach((edge, at) => {
    const label = edgeLabel(edge, many);
    layout.setEdge(edge.source, edge.target, { width: label.length * SMALL_LETTER, height: 16, labelpos: "c", edge, label }, String(at));
  });
  dagre.layout(layout);
  const size = layout.graph();
  const most = Math.max(...graph.edges.map((edge) => edge.count), 1);
  const edges = layout.edges().map((key) => {
    const { points, edge, label, x, y } = layout.edge(key);
    const failed = edge.errors > 0;
    const title = edge.source + " → " + edge.target + ": " + count(edge.count) + " times, " + share(edge.errors, edge.count) + " failed, median " + duration(edge.p50) + ", 95 % within " + duration(edge.p95);
    return svg("g", { class: "edge" + (failed ? " failed" : "") }, svg("title", {}, title), svg("path", { d: smooth(points), "stroke-width": (1 + 3 * Math.sqrt(edge.count / most)).toFixed(1), "marker-end": failed ? "url(#arrow-failed)" : "url(#arrow)" }), svg("rect", { class: "back", x: x - (label.length * SMALL_LETTER) / 2, y: y - 8, width: label.length * SMALL_LETTER, height: 16 }), svg("text", { x, y: y + 4, "text-anchor": "middle" }, label));
  });
  const nodes = graph.nodes.map((node) => {
    const at = layout.node(node.key);
    const group = svg(
      "g",
      { class: "node kind-" + node.kind.replace(/[^a-z]/gi, "") + (node.errors ? " failed" : ""), transform: `translate(${(at.x - at.width / 2).toFixed(1)} ${(at.y - at.height / 2).toFixed(1)})` },
      svg("title", {}, node.name),
      svg("rect", { width: at.width, height: at.height, rx: node.kind === "trigger" || node.kind === "decision" ? 22 : 6 }),
      svg("text", { x: at.width / 2, y: 20, "text-anchor": "middle", class: "name" }, shortName(node.name, node.kind)),
      svg("text", { x: at.width / 2, y: 36, "text-anchor": "middle", class: "under" }, underName(node, many)),
    );
    if (choose) group.addEventListener("click", () => choose(node));
    return group;
  });
  const arrow = (id) => svg("marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" }, svg("path", { d: "M0 0L8 4L0 8z" }));
  return svg(
    "svg",
    { class: "graph", role: "img", "aria-label": "Graph of " + plural(graph.nodes.length, "step") + "; the same is in the table below", width: size.width, height: size.height, viewBox: `0 0 ${size.width} ${size.height}`, style: { "max-width": size.width + "px", "min-width": Math.round(size.width * LEAST_SCALE) + "px" } },
    svg("defs", {}, arrow("arrow"), arrow("arrow-failed")),
    edges,
    nodes,
  );
}

/* A curve through points, by the middles of the lines between them. */
function smooth(points) {
  let path = `M${points[0].x.toFixed(1)} ${points[0].y.toFixed(1)}`;
  for (let at = 1; at < points.length - 1; at++) {
    const end = at === points.length - 2 ? points[at + 1] : { x: (points[at].x + points[at + 1].x) / 2, y: (points[at].y + points[at + 1].y) / 2 };
    path += `Q${points[at].x.toFixed(1)} ${points[at].y.toFixed(1)} ${end.x.toFixed(1)} ${end.y.toFixed(1)}`;
  }
  return path;
}

function edgeTable(graph) {
  const names = new Map(graph.nodes.map((node) => [node.key, node.name]));
  const rows = [...graph.edges].sort((a, b) => b.errors - a.errors || b.count - a.count).slice(0, MOST_ROWS);
  const rest = graph.edges.length - rows.length;
  return el(
    "div",
    { class: "wide-table", tabindex: "0", role: "region", "aria-label": "Steps as a table" },
    el(
      "table",
      { class: "plain" },
      el("thead", {}, el("tr", {}, ["From", "To", "Message", "Times", "Failed", "Median", "95 % within"].map((text, at) => el("th", { scope: "col", class: at > 2 ? "number" : "" }, text)))),
      el("tbody", {}, rows.map((edge) => el("tr", {}, el("td", {}, breakable(names.get(edge.source))), el("td", {}, breakable(names.get(edge.target))), el("td", {}, edge.label), el("td", { class: "number" }, count(edge.count)), el("td", { class: "number" + (edge.errors ? " bad" : "") }, share(edge.errors, edge.count)), el("td", { class: "number" }, duration(edge.p50)), el("td", { class: "number" }, duration(edge.p95))))),
    ),
    rest > 0 ? el("p", { class: "sub" }, "and " + count(rest) + " more, less frequent") : null,
  );
}
