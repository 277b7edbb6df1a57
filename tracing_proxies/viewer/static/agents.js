/* What each agent did: how fast, how well, how often, with which tools, how sure of itself. */

async function showAgents(main, parameters, page) {
  const found = await page.source.get("agents", asked(parameters)).catch(nothingMissing({ agents: [] }));
  main.append(el("div", { class: "head" }, el("h1", {}, "Agents"), el("p", { class: "found" }, found.agents.length ? basis({ ...found, live: page.source.live }) : "")));
  if (page.source.live) main.append(periodForm(parameters, (changed) => page.go("agents", changed)));
  if (!found.agents.length) main.append(state("No agent was called in this time", "Choose a longer time, or give your agents `role: agent` in the registry."));
  else main.append(el("div", { class: "cards" }, found.agents.map((agent) => agentCard(agent, found, page))));
  return {};
}

const BASES = {
  exact: "Exact counts of every call, recorded or not, by whole minutes.",
  each: "Every call was recorded and counts once.",
  weights: "≈ Estimated from recorded calls, each with its sampling weight.",
  mixed: "Exact counts of every call where there are some; ≈ else estimated by sampling weights.",
};

/* What the figures rest on, in words. */
function basis(found) {
  const bases = new Set(found.agents.flatMap((agent) => [agent, ...agent.tools]).map((calls) => calls.basis));
  const exact = bases.has("exact");
  return [
    moment(found.since, true), " to ", moment(found.until, true), ". ",
    BASES[exact ? (bases.has("weights") ? "mixed" : "exact") : bases.has("weights") ? "weights" : "each"],
    found.live ? "" : exact ? " They are of all calls of that time, in the report or not." : "",
    found.complete ? "" : [exact ? " Confidence and tools' durations are those" : " All figures are those", " of the newest 2,000 recorded calls, since ", moment(found.begins, true), "."],
    found.compared ? " Small figures: change against the time before." : "",
  ];
}

/* Figures that are no count of every call are marked. */
function estimate(calls) {
  return calls.basis === "weights" ? el("span", { class: "estimate", title: "estimated: recorded calls, each with its sampling weight" }, "≈", hidden(" about ")) : null;
}

function agentCard(agent, found, page) {
  const before = agent.before;
  const change = (now, then, worse) => {
    if (!agent.compared) return null;
    if (then === undefined || then === null) return el("span", { class: "change" }, "none before");
    if (!then) return now ? el("span", { class: "change" }, "from 0") : el("span", { class: "change" }, "same");
    const percent = Math.round((100 * (now - then)) / then);
    return el("span", { class: "change" + (percent * worse > 5 ? " worse" : percent * worse < -5 ? " better" : "") }, (percent > 0 ? "▲ " : percent < 0 ? "▼ " : "") + Math.abs(percent) + " %");
  };
  const figure = (title, value, delta) => el("div", { class: "figure" }, el("dt", {}, title), el("dd", {}, value, delta));
  const well = (calls) => (calls.calls ? 1 - calls.failed / calls.calls : 0);
  return el(
    "article",
    { class: "card", "aria-label": agent.name },
    el("h2", {}, chip("agent"), " ", el("a", { href: address("traces", { agent: agent.name }) }, breakable(agent.name))),
    el(
      "dl",
      { class: "figures" },
      figure("Calls", [estimate(agent), count(agent.calls)], change(agent.calls, before && before.calls, 0)),
      figure("Per minute", count(agent.per_minute), null),
      figure("Succeeded", el("span", { class: agent.failed ? "bad" : "" }, share(agent.calls - agent.failed, agent.calls)), change(well(agent), before && well(before), -1)),
      figure("Median", duration(agent.p50), change(agent.p50, before && before.p50, 1)),
      figure("95 % within", duration(agent.p95), change(agent.p95, before && before.p95, 1)),
      figure("99 % within", duration(agent.p99), change(agent.p99, before && before.p99, 1)),
    ),
    confidenceChart(agent),
    toolTable(agent),
  );
}

function confidenceChart(agent) {
  const known = agent.confidence.filter(Boolean);
  if (!known.length) return el("p", { class: "sub" }, "No confidence was recorded.");
  const [width, height, column] = [480, 90, 480 / agent.confidence.length];
  const y = (value) => height - 6 - value * (height - 12);
  const marks = agent.confidence.map((part, at) => {
    if (!part) return null;
    const x = at * column;
    return svg("g", {}, svg("title", {}, `half of the calls between ${part.low.toFixed(2)} and ${part.high.toFixed(2)}, median ${part.middle.toFixed(2)}`), svg("rect", { class: "range", x: x + 1, width: column - 2, y: y(part.high), height: Math.max(2, y(part.low) - y(part.high)) }), svg("line", { class: "middle", x1: x + 1, x2: x + column - 1, y1: y(part.middle), y2: y(part.middle) }));
  });
  const middles = known.map((part) => part.middle).sort((a, b) => a - b);
  const grid = [0, 0.5, 1].map((value) => svg("line", { class: "grid", x1: 0, x2: width, y1: y(value), y2: y(value) }));
  return el(
    "figure",
    {},
    el("figcaption", {}, "Confidence over time: middle half and median, 0 to 1; lately " + known[known.length - 1].middle.toFixed(2)),
    svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Confidence of ${agent.name} over time, between ${middles[0].toFixed(2)} and ${middles[middles.length - 1].toFixed(2)}`, preserveAspectRatio: "none" }, grid, marks),
  );
}

function toolTable(agent) {
  if (!agent.tools.length) return el("p", { class: "sub" }, agent.seen ? "It used no tool." : "Which tools it used was not recorded.");
  const most = Math.max(...agent.tools.map((tool) => tool.calls));
  const figure = (name, ...children) => el("td", { role: "cell", class: "number" + name }, ...children);
  const row = (tool) =>
    el(
      "tr",
      { role: "row" },
      el("td", { role: "cell" }, el("span", { class: "with-bar" }, breakable(tool.name), el("span", { class: "bar kind-tool", style: { width: (100 * tool.calls) / most + "%" } }))),
      figure("", estimate(tool), count(tool.calls)),
      figure(tool.failed ? " bad" : "", share(tool.failed, tool.calls)),
      figure("", duration(tool.p50)),
      figure("", duration(tool.p95)),
    );
  return el(
    "div",
    { class: "wide-table", tabindex: "0", role: "region", "aria-label": "Tools of " + agent.name },
    el(
      "table",
      { class: "plain", role: "table" },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ["Tool", "Calls", "Failed", "Median", "95 %"].map((text, at) => el("th", { role: "columnheader", scope: "col", class: at ? "number" : "" }, text)))),
      el("tbody", { role: "rowgroup" }, agent.tools.map(row)),
    ),
  );
}
