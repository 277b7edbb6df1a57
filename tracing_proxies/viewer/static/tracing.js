/* What tracing itself is doing: the store, the processes with their accounts, the rules and what they match. */

const KNOWN = ["active", "tracing", "pid", "program", "service", "control", "registry", "stale", "presets", "skipped_presets", "woven", "aliases", "out_of_reach", "targets", "rules", "refused", "unmatched", "open", "delivery", "failures", "calls", "sampling", "firing"];
const ACCOUNTS = [["delivered", "good"], ["queued", "waiting"], ["spooled", "waiting"], ["sampled_out", "left"]];

async function showTracing(main, parameters, page) {
  const found = await page.source.get("tracing");
  main.append(el("div", { class: "head" }, el("h1", {}, "Tracing itself"), el("p", { class: "found" }, page.source.live ? "as it is now" : "as it was when the report was made")));
  const here = (process) => Number(Boolean(process.status && found.registry && process.status.registry === found.registry.path));
  const processes = [...found.processes].sort((a, b) => here(b) - here(a)); // those that this page's registry is of come first
  main.append(storeCard(found), ...processes.map(processCard));
  if (!found.processes.length) main.append(el("section", { class: "card" }, el("h2", {}, "Processes"), el("p", {}, "No traced process of yours ", page.source.live ? "is running. Start one with " : "was running.", page.source.live ? el("code", {}, "tracing-proxies run -- python app.py") : "")));
  const woven = found.processes.some((process) => process.status && process.status.rules);
  if (found.registry && !woven) main.append(ruleCard("Registry " + (found.registry.path || ""), found.registry.rules));
  return {};
}

function storeCard(found) {
  const store = found.store;
  return el("section", { class: "card" }, el("h2", {}, "Store"), store ? facts([
    ["File", el("code", {}, store.path)],
    ["Size", bytes(store.size)],
    ["Holds", plural(store.traces, "trace") + ", " + plural(store.spans, "span")],
    ["From", moment(store.oldest, true)],
    ["To", moment(store.newest, true)],
    ["Kept for", found.retention === null ? "what is in it is shown, however old" : duration(found.retention)],
  ]) : el("p", {}, "There is no store yet."));
}

function processCard(process) {
  const status = process.status;
  if (!status || !status.active) return el("section", { class: "card" }, el("h2", {}, "Process " + process.pid), el("p", {}, status ? "Tracing has been deactivated in it." : "It gives no answer."));
  const more = Object.entries(status).filter(([key, value]) => !KNOWN.includes(key) && value !== null && JSON.stringify(value) !== "{}");
  const failures = Object.entries(status.failures || {});
  return el(
    "section",
    { class: "card" },
    el("h2", {}, "Process " + process.pid + " ", el("span", { class: "sub" }, status.program)),
    facts([
      ["Tracing", el("span", { class: status.tracing === "on" ? "good" : "bad" }, status.tracing)],
      ["Service", status.service],
      ["Registry", status.registry && el("code", {}, status.registry)],
      ["Stale", status.stale && el("span", { class: "bad" }, String(status.stale))],
      ["Presets", (status.presets || []).join(", ")],
      ["Woven", plural(status.woven, "callable") + ", " + plural(status.aliases, "other name") + ", " + count(status.out_of_reach) + " out of reach"],
      ["Open", plural(status.open, "span")],
      ["Own failures", failures.length ? el("span", { class: "bad" }, failures.map(([reason, times]) => times + " in " + reason).join(", ")) : "none"],
      ["Calls", status.calls && count(status.calls.count) + ", " + count(status.calls.errors) + " failed"],
      ["Alerts", (status.firing || []).length ? el("span", { class: "bad" }, status.firing.map((one) => plainly(one.name || one)).join(", ")) : status.firing ? "none firing" : null],
    ]),
    process.health && healthOf(process.health),
    status.sampling && sampling(status.sampling),
    status.delivery && ledger(status.delivery),
    status.rules && [el("h3", {}, "Rules"), ruleTable(status.rules)],
    (status.refused || []).length ? section("Not traced", el("ul", {}, status.refused.map((one) => el("li", {}, one.target + ": " + one.reason)))) : null,
    (status.unmatched || []).length ? section("Without a match", el("ul", {}, status.unmatched.map((one) => el("li", {}, one)))) : null,
    more.length ? el("details", { class: "rest" }, el("summary", {}, "All that it says besides"), el("pre", { tabindex: "0" }, coloured(JSON.stringify(Object.fromEntries(more), null, 2)))) : null,
  );
}

/* A share of one, in per cent. */
function percent(part) {
  return part === undefined || part === null ? null : Number((100 * part).toPrecision(2)) + " %";
}

const SIGNS = { ok: ["✓", "good"], degraded: ["!", "warn"], failing: ["✗", "bad"] };

/* What is not well comes first and is in sight, with what to do; the rest is there for whoever asks. */
function healthOf(told) {
  const fine = told.checks.filter((check) => check.state === "ok");
  const line = (check) => {
    const [sign, name] = SIGNS[check.state] || SIGNS.failing;
    return el("li", {}, el("span", { class: name, "aria-hidden": "true" }, sign + " "), hidden(check.state + ": "), el("b", {}, check.name), " " + check.seen, check.todo && el("div", { class: "sub" }, check.todo));
  };
  const list = (checks) => el("ul", { class: "checks" }, checks.map(line));
  const [, name] = SIGNS[told.state] || SIGNS.failing;
  return section("Health", [
    el("p", {}, el("span", { class: name }, told.state)),
    list(told.checks.filter((check) => check.state !== "ok")),
    fine.length ? el("details", {}, el("summary", {}, plural(fine.length, "check") + (fine.length === 1 ? " is" : " are") + " fine"), list(fine)) : null,
  ]);
}

function sampling(told) {
  const full = told.step === "full";
  return section("Sampling", facts([
    ["Level", el("span", { class: full ? "good" : "warn" }, told.step)],
    ["Budget", told.budget === null || told.budget === undefined ? "unlimited" : percent(told.budget) + " of a core"],
    ["Spent lately", percent(told.spent)],
    ["Traces recorded", percent(told.record)],
    ["Payloads kept", percent(told.capture)],
    ["Errors kept", percent(told.error)],
    ["Times stepped down", told.descents === undefined ? null : count(told.descents)],
    ["Load of the host", percent(told.host_load)],
  ]));
}

/* Everything produced, by what became of it. */
function ledger(delivery) {
  const dropped = Object.entries(delivery.dropped || {});
  const lost = dropped.reduce((sum, [, spans]) => sum + spans, 0);
  const parts = [...ACCOUNTS.map(([key, name]) => [key.replace("_", " "), delivery[key] || 0, name]), ["dropped", lost, "lost"]];
  const sinks = Object.entries(delivery.sinks || {});
  return section("Ledger", [
    el("p", { class: "sub" }, plural(delivery.produced, "span") + " produced = " + parts.map(([key, spans]) => count(spans) + " " + key).join(" + ")),
    el("div", { class: "stack", "aria-hidden": "true" }, parts.filter(([, spans]) => spans).map(([, spans, name]) => el("i", { class: name, style: { "flex-grow": String(spans) } }))),
    dropped.length ? facts(dropped.map(([reason, spans]) => ["dropped: " + reason, plural(spans, "span")])) : null,
    sinks.length ? destinations(sinks) : null,
  ]);
}

function destinations(sinks) {
  const heads = ["Destination", "Delivered", "Queued", "Spooled", "Dropped", "Spool", "Health"];
  const sum = (dropped) => Object.values(dropped || {}).reduce((all, spans) => all + spans, 0);
  const figure = (number, extra) => el("td", { class: "number" + (extra || "") }, count(number || 0));
  const row = ([name, sink]) =>
    el(
      "tr",
      {},
      el("td", {}, name, sink.address && el("div", { class: "sub" }, sink.address)),
      figure(sink.delivered),
      figure(sink.queued),
      figure(sink.spooled),
      figure(sum(sink.dropped), sum(sink.dropped) ? " bad" : ""),
      el("td", {}, sink.spool ? bytes(sink.spool.bytes) + " of " + bytes(sink.spool.max_bytes) : el("span", { class: "sub" }, "none"), sink.spool && sink.spool.trouble && el("div", { class: "bad" }, sink.spool.trouble)),
      el("td", {}, health(sink)),
    );
  return el("div", { class: "wide-table", tabindex: "0", role: "region", "aria-label": "Destinations" }, el("table", { class: "plain" }, el("thead", {}, el("tr", {}, heads.map((text, at) => el("th", { scope: "col", class: at && at < 5 ? "number" : "" }, text)))), el("tbody", {}, sinks.map(row))));
}

function health(sink) {
  const dead = sink.dead && sink.dead.spans ? el("div", { class: "bad" }, plural(sink.dead.spans, "span") + " refused for good") : null;
  if (sink.healthy) return [el("span", { class: "good" }, "healthy"), dead];
  const retry = sink.retry_in ? ", next try in " + duration(sink.retry_in * 1000) : "";
  return [el("span", { class: "bad" }, (sink.reason || "not healthy") + retry), dead];
}

function ruleCard(title, rules) {
  return el("section", { class: "card" }, el("h2", {}, title), el("p", { class: "sub" }, "What each rule matches is known in a running process; `tracing-proxies check --import` says it without one."), ruleTable(rules));
}

function ruleTable(rules) {
  const shown = rules.filter((rule) => rule.preset === null || (rule.targets || []).length);
  const folded = rules.length - shown.length;
  const known = shown.some((rule) => rule.targets);
  return el(
    "div",
    { class: "wide-table", tabindex: "0", role: "region", "aria-label": "Rules" },
    el(
      "table",
      { class: "plain" },
      el("thead", {}, el("tr", {}, ["Place", "Rule", known && "Matches"].filter(Boolean).map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, shown.map((rule) => el("tr", {}, el("td", {}, rule.preset ? rule.preset + ", " + rule.place : rule.place), el("td", {}, el("code", {}, rule.match.join("\n"))), known && el("td", {}, rule.targets ? matches(rule) : "–")))),
    ),
    folded ? el("p", { class: "sub" }, plural(folded, "rule") + " of presets without a match here") : null,
  );
}

function matches(rule) {
  const pending = rule.pending || [];
  if (!rule.targets.length) return el("span", { class: pending.length ? "sub" : "bad" }, pending.length ? "waits for an import" : "nothing");
  return el("details", {}, el("summary", {}, plural(rule.targets.length, "target")), el("ul", {}, rule.targets.map((target) => el("li", {}, el("code", {}, target)))));
}
