/* The page around its views: navigation, the live line, and what to say when something cannot be shown. */

const VIEWS = { traces: showTraces, trace: showTrace, flow: showFlow, agents: showAgents, tracing: showTracing };
const TABS = [["traces", "Traces"], ["flow", "Flow"], ["agents", "Agents"], ["tracing", "Tracing itself"]];
const RENEW_AFTER = 400;

/* What the address names: a view, perhaps a trace, and parameters. */
function where() {
  const [path, query] = (location.hash.slice(2) || "traces").split("?");
  const parameters = Object.fromEntries(new URLSearchParams(query || ""));
  try {
    const [name, id] = path.split("/").map(decodeURIComponent);
    return { name, id, parameters };
  } catch {
    return { name: path, parameters };
  }
}

function reportLine(document) {
  const cut = document.limit !== null ? "; payloads are cut after " + plural(document.limit, "character") : "";
  const left = document.left_out > 0 ? "; " + plural(document.left_out, "older trace") + " left out" : "";
  return ["report, made ", moment(document.made, true), cut, left];
}

class Page {
  constructor(source) {
    this.source = source;
    this.view = {};
    this.visit = 0;
    this.main = el("main", { id: "main", tabindex: "-1" });
    this.said = el("p", { class: "unseen", role: "status", "aria-live": "polite" });
    this.line = el("span", { class: "line" }, source.live ? "connecting …" : reportLine(source.document));
    this.nav = el("nav", { "aria-label": "Views" });
    const top = el("header", {}, el("a", { class: "brand", href: address("traces") }, "tracing", el("b", {}, "proxies")), this.nav, this.line);
    document.getElementById("app").replaceChildren(el("a", { class: "skip", href: "#main", onclick: (event) => (event.preventDefault(), this.main.focus()) }, "Skip to the content"), top, this.main, this.said);
    addEventListener("hashchange", () => this.show());
    if (source.live) source.listen((told) => this.hear(told), (stands) => this.stand(stands));
  }

  /* Shows what the address names. */
  async show() {
    const hash = location.hash;
    const { name, id, parameters } = where();
    if (this.shown !== name + "/" + id) scrollTo(0, 0);
    this.shown = name + "/" + id;
    const now = ++this.visit;
    for (const old of this.line.querySelectorAll("button")) old.remove();
    const page = this.visitor(now);
    const main = el("div", { class: "view view-" + name });
    this.nav.replaceChildren(...TABS.map(([tab, text]) => el("a", { href: address(tab), "aria-current": tab === (id ? "traces" : name) ? "page" : undefined }, text)));
    this.main.setAttribute("aria-busy", "true");
    const slow = setTimeout(() => now === this.visit && this.main.replaceChildren(el("p", { class: "state" }, "Loading …")), 150);
    let early;
    const placed = () => {
      clearTimeout(slow);
      clearTimeout(early); // to place it once more would take the focus from what is in it, or take the place of what went wrong
      if (now === this.visit && main.parentNode !== this.main) this.main.replaceChildren(main);
    };
    try {
      const view = VIEWS[name] ? VIEWS[name](main, parameters, page, id) : Promise.reject(new NotAnswered("There is no such view.", true));
      if (name === "traces") early = setTimeout(placed, 150); // a search shows what it has found so far
      this.view = (await view) || {};
      placed();
    } catch (error) {
      placed();
      page.fail(error);
    }
    if (now === this.visit) {
      this.main.setAttribute("aria-busy", "false");
      this.main.setAttribute("data-shown", hash);
      document.title = (main.querySelector("h1") || {}).textContent + " · traces";
    }
  }

  /* What a view may ask of the page, as long as it is the one that is shown. */
  visitor(now) {
    const page = this;
    return {
      source: this.source,
      get left() {
        return now !== page.visit;
      },
      go: (path, parameters) => (location.hash = address(path, parameters)),
      note: (path, parameters) => now === page.visit && history.replaceState(null, "", address(path, parameters)),
      again: () => now === page.visit && page.show(),
      say: (text) => (page.said.textContent = text),
      fail: (error) => now === page.visit && page.fail(error),
    };
  }

  fail(error) {
    if (!(error instanceof NotAnswered)) console.error(error);
    const retry = el("button", { type: "button", onclick: () => this.show() }, "Try again");
    this.main.replaceChildren(state(error.missing ? "Not there" : "This could not be shown", error.message, retry));
  }

  hear(told) {
    this.told = { traces: [...((this.told || {}).traces || []), ...told.traces].slice(-500) };
    this.line.classList.add("busy");
    if (this.soon) return;
    this.soon = setTimeout(async () => {
      const told = this.told;
      this.soon = this.told = null;
      this.line.classList.remove("busy");
      try {
        if (this.view.renew) await this.view.renew(told);
        else this.stand(true, el("button", { type: "button", onclick: () => this.show() }, "There is more: refresh"));
      } catch (error) {
        this.fail(error);
      }
    }, RENEW_AFTER);
  }

  stand(stands, ...more) {
    this.line.className = "line " + (stands ? "live" : "cut");
    this.line.replaceChildren(stands ? "live" : "connection lost, trying again …", ...more);
  }
}

openSource()
  .then((source) => new Page(source).show())
  .catch((error) => document.getElementById("app").replaceChildren(state("This page could not be opened", error.message)));
