/* The list of traces, with its filters. */

const PERIODS = [["", "Any time"], ["900000", "Last 15 minutes"], ["3600000", "Last hour"], ["86400000", "Last 24 hours"], ["604800000", "Last 7 days"]];

const FEWEST_FOLDED = 3;

/* What the address says, as the server wants it asked. */
function asked(parameters) {
  const { period, ...rest } = parameters;
  return period ? { ...rest, since: String(Date.now() - Number(period)) } : rest;
}

async function showTraces(main, parameters, page) {
  const choices = await page.source.get("choices").catch(nothingMissing({ agents: [], sources: [], sessions: [], names: [] }));
  const list = el("div", { class: "list" });
  const found = el("p", { class: "found", role: "status" });
  const filters = filterForm(parameters, choices, (changed) => page.go("traces", changed));
  main.append(el("div", { class: "head" }, el("h1", {}, "Traces"), found), filters, list);
  const view = new TraceList(page, parameters, list, found);
  await view.load();
  return { renew: () => view.renew() };
}

function nothingMissing(instead) {
  return (error) => {
    if (!error.missing) throw error;
    return instead;
  };
}

function filterForm(parameters, choices, change) {
  const select = (name, label, options) =>
    el("label", {}, label, el("select", { name }, options.map(([value, text]) => el("option", { value, selected: (parameters[name] || "") === value }, text))));
  const named = (names, all) => [["", all], ...names.map((name) => [name, name])];
  const withChosen = (names, chosen) => (chosen && !names.includes(chosen) ? [chosen, ...names] : names);
  const text = el("input", { name: "text", type: "search", value: parameters.text || "", placeholder: "in names, messages, payloads", maxlength: 200, autocomplete: "off" });
  const form = el(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter traces" },
    el("label", { class: "wide" }, "Text", text),
    select("agent", "Agent", named(withChosen(choices.agents, parameters.agent), "All agents")),
    select("source", "Trigger source", named(withChosen(choices.sources, parameters.source), "All sources")),
    select("level", "Level", [["", "All levels"], ["ERROR", "With errors"], ["WARNING", "With warnings"]]),
    select("session", "Session", named(withChosen(choices.sessions, parameters.session), "All sessions")),
    select("period", "Time", PERIODS),
  );
  const send = () => change(Object.fromEntries([...new FormData(form)].filter(([, value]) => value)));
  form.addEventListener("change", send);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  if (Object.keys(parameters).length) form.append(el("a", { class: "button quiet", href: address("traces") }, "Clear filters"));
  return form;
}

/* Whether a trace is an event, not a workflow. */
function isLone(trace) {
  return trace.spans === 1 && !trace.errors && !trace.decision && !trace.agents.length;
}

class TraceList {
  constructor(page, parameters, list, found) {
    Object.assign(this, { page, parameters, list, found, shown: [], cursor: "", opened: new Set() });
  }

  async load() {
    this.list.replaceChildren(el("p", { class: "state" }, "Loading …"));
    this.shown = [];
    this.cursor = "";
    await this.more();
  }

  /* Fetches until a page is full: the server looks for some milliseconds at a time. */
  async more() {
    const goal = this.shown.length + 50;
    while (this.cursor !== null && this.shown.length < goal && !this.page.left) {
      const answer = await this.page.source.get("traces", { ...asked(this.parameters), cursor: this.cursor }).catch((error) => {
        if (!error.missing) throw error;
        return { traces: [], cursor: null, absent: error.message };
      });
      this.absent = answer.absent;
      this.shown.push(...answer.traces);
      this.cursor = answer.cursor;
      this.searched = answer.searched;
      if (this.page.left) return;
      this.draw(this.cursor !== null && this.shown.length < goal);
    }
  }

  async renew() {
    const before = new Set(this.shown.map((trace) => trace.id));
    const answer = await this.page.source.get("traces", asked(this.parameters));
    const ids = new Set(answer.traces.map((trace) => trace.id));
    const fresh = answer.traces.filter((trace) => !before.has(trace.id));
    if (!this.shown.length) this.cursor = answer.cursor;
    this.shown = [...answer.traces, ...this.shown.filter((trace) => !ids.has(trace.id))];
    this.draw(false, new Set(fresh.map((trace) => trace.id)));
    if (fresh.length) this.page.say(plural(fresh.length, "new trace"));
  }

  draw(searching, fresh = new Set()) {
    const filtered = Object.keys(this.parameters).length > 0;
    this.found.textContent = searching
      ? "searching …"
      : plural(this.shown.length, "trace") + (this.cursor !== null ? " so far" : filtered ? " found" : "");
    if (!this.shown.length && !searching) {
      this.list.replaceChildren(this.empty(filtered));
      return;
    }
    const longest = Math.max(...this.shown.map((trace) => trace.duration), 0.001);
    const table = el(
      "table",
      { class: "traces", role: "table" },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ["Started", "Trigger", "Decision", "Agents", "Spans", "Duration"].map((text) => el("th", { role: "columnheader", scope: "col" }, text)))),
      el("tbody", { role: "rowgroup" }, this.runs().map((run) => (run.folded ? this.folded(run.traces) : run.traces.map((trace) => this.row(trace, longest, fresh.has(trace.id)))))),
    );
    const more = this.cursor !== null && el("div", { class: "more" }, searching ? el("p", {}, "Searched back to ", moment(this.searched), " …") : el("button", { type: "button", onclick: () => this.more().catch(this.page.fail) }, "Show older traces"));
    this.list.replaceChildren(table, more || "");
  }

  /* Splits the list so that events on their own, of which there may be very many, do not stand between the workflows. */
  runs() {
    const runs = [];
    for (const trace of this.shown) {
      const last = runs[runs.length - 1];
      if (last && last.lone === isLone(trace)) last.traces.push(trace);
      else runs.push({ lone: isLone(trace), traces: [trace] });
    }
    const mixed = runs.length > 1;
    for (const run of runs) run.folded = mixed && run.lone && run.traces.length >= FEWEST_FOLDED && !run.traces.some((trace) => this.opened.has(trace.id));
    return runs;
  }

  folded(traces) {
    const names = new Map();
    for (const trace of traces) names.set(trace.name, (names.get(trace.name) || 0) + 1);
    const told = [...names].slice(0, 3).map(([name, times]) => name + (times > 1 ? " ×" + count(times) : ""));
    const open = () => {
      for (const trace of traces) this.opened.add(trace.id);
      this.draw(false);
      const first = address("trace/" + encodeURIComponent(traces[0].id));
      [...this.list.querySelectorAll("a")].find((link) => link.getAttribute("href") === first).focus();
    };
    return el(
      "tr",
      { role: "row", class: "lone run" },
      el("td", { role: "cell", class: "when" }, moment(traces[0].start)),
      el("td", { role: "cell", class: "trigger", colspan: "5" }, el("button", { type: "button", class: "link", "aria-expanded": "false", onclick: open }, "▸ " + plural(traces.length, "single event")), el("span", { class: "sub" }, told.join(", ") + (names.size > 3 ? " and others" : ""))),
    );
  }

  row(trace, longest, fresh) {
    const cell = (name, ...children) => el("td", { role: "cell", class: name }, ...children);
    const lone = isLone(trace);
    const level = trace.errors ? "ERROR" : trace.warnings ? "WARNING" : "DEFAULT";
    return el(
      "tr",
      { role: "row", class: "level-" + level + (fresh ? " fresh" : "") + (lone ? " lone" : "") },
      cell("when", moment(trace.start)),
      cell("trigger", mark(level), el("a", { href: address("trace/" + encodeURIComponent(trace.id)) }, breakable(trace.name)), el("span", { class: "sub" }, [trace.source, trace.intensity && trace.intensity + " intensity", trace.session].filter(Boolean).join(" · "))),
      cell("decision", trace.decision ? [trace.decision, trace.confidence !== null && el("span", { class: "sub" }, "confidence " + trace.confidence.toFixed(2))] : el("span", { class: "sub" }, trace.status || "–")),
      cell("agents", trace.agents.length ? trace.agents.map((agent) => chip("agent", agent)) : el("span", { class: "sub" }, "–")),
      cell("spans", count(trace.spans), trace.errors > 0 && el("span", { class: "sub bad" }, plural(trace.errors, "error"))),
      cell("duration", !lone && el("span", { class: "bar", style: { width: Math.max(1, (100 * trace.duration) / longest) + "%" } }), el("span", { class: "figure" }, duration(trace.duration))),
    );
  }

  empty(filtered) {
    if (filtered) return state("No trace matches", "Widen the filters, or clear them.", el("a", { class: "button", href: address("traces") }, "Clear filters"));
    const how = el("p", {}, "Start your application with ", el("code", {}, "tracing-proxies run -- python app.py"), "; its traces appear here as they end.");
    return state("No traces yet", ...(this.absent ? [this.absent] : []), how);
  }
}
