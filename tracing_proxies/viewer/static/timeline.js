/* The tree and the waterfall of one trace, side by side; only the rows in sight are in the document. */

const SPARE_ROWS = 12;

class Timeline {
  /* choose(span) is called when another span is chosen. */
  constructor(spans, choose) {
    this.spans = spans;
    this.choose = choose;
    this.closed = new Set();
    this.chosen = -1;
    this.hits = new Set();
    this.total = Math.max(...spans.map((span) => span.start + span.duration), 1);
    this.children = spans.map(() => 0);
    this.place = spans.map(() => 1);
    this.tops = 0;
    spans.forEach((span, at) => {
      this.place[at] = span.parent < 0 ? ++this.tops : ++this.children[span.parent];
    });
    this.rows = el("div", { class: "rows" });
    this.box = el(
      "div",
      { class: "scroll", role: "tree", tabindex: "0", "aria-label": "Spans of this trace", onkeydown: (event) => this.key(event), onscroll: () => this.later() },
      this.rows,
    );
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => el("span", { style: { left: part * 100 + "%" } }, duration((this.total * part) / 1e6)));
    this.element = el("div", { class: "timeline" }, el("div", { class: "scale", "aria-hidden": "true" }, el("span", { class: "tree-head" }, "Span"), el("div", { class: "ticks" }, ticks)), this.box);
    new ResizeObserver(() => this.later()).observe(this.box);
    this.arrange();
  }

  /* Works out which spans are open to sight. */
  arrange() {
    this.visible = [];
    let under = Infinity;
    this.spans.forEach((span, at) => {
      if (span.depth > under) return;
      under = this.closed.has(at) ? span.depth : Infinity;
      this.visible.push(at);
    });
    this.line = new Map(this.visible.map((at, line) => [at, line]));
    this.later();
  }

  later() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw();
    });
  }

  height() {
    return parseFloat(getComputedStyle(this.box).getPropertyValue("--row")) || 28;
  }

  draw() {
    const height = this.height();
    const first = Math.max(0, Math.floor(this.box.scrollTop / height) - SPARE_ROWS);
    const last = Math.min(this.visible.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / height) + SPARE_ROWS);
    this.rows.style.height = this.visible.length * height + "px";
    const lines = [];
    for (let line = first; line < last; line++) lines.push(this.row(this.visible[line], line * height));
    this.rows.replaceChildren(...lines);
    const shown = this.line.get(this.chosen);
    if (shown >= first && shown < last) this.box.setAttribute("aria-activedescendant", "span-" + this.chosen);
    else this.box.removeAttribute("aria-activedescendant");
  }

  row(at, top) {
    const span = this.spans[at];
    const inner = this.children[at] > 0;
    const open = inner && !this.closed.has(at);
    const left = (100 * span.start) / this.total;
    const width = (100 * span.duration) / this.total;
    const late = left + width > 80;
    const inside = late && width > 15;
    const classes = ["row", at === this.chosen && "chosen", this.hits.has(at) && "hit", span.level === "ERROR" && "failed", span.self_time !== undefined && "critical"];
    return el(
      "div",
      {
        class: classes.filter(Boolean).join(" "),
        id: "span-" + at,
        role: "treeitem",
        "aria-level": span.depth + 1,
        "aria-setsize": span.parent < 0 ? this.tops : this.children[span.parent],
        "aria-posinset": this.place[at],
        "aria-selected": at === this.chosen ? "true" : "false",
        "aria-expanded": inner ? String(open) : undefined,
        style: { top: top + "px" },
        onclick: (event) => (event.target.closest(".twisty") && inner ? this.toggle(at) : this.select(at)),
      },
      el(
        "div",
        { class: "label", style: { "padding-left": Math.min(span.depth, 24) * 14 + "px" } },
        el("span", { class: "twisty", "aria-hidden": "true" }, inner ? (open ? "▾" : "▸") : ""),
        mark(span.level),
        chip(span.type),
        el("span", { class: "name", title: span.name }, span.name),
        span.decision && el("span", { class: "decided", title: span.decision }, "→ " + span.decision),
      ),
      el(
        "div",
        { class: "track" },
        el("span", { class: "span kind-" + span.type.replace(/[^a-z]/gi, ""), style: { left: left + "%", width: width + "%" } }),
        el("span", { class: "length" + (inside ? " inside" : ""), style: inside ? { right: 100 - left - width + "%" } : late ? { right: 100 - left + "%" } : { left: left + width + "%" } }, duration(span.duration / 1e6)),
      ),
    );
  }

  select(at, quietly) {
    for (let above = this.spans[at].parent; above >= 0; above = this.spans[above].parent) this.closed.delete(above);
    this.chosen = at;
    this.arrange();
    const height = this.height();
    const top = this.line.get(at) * height;
    if (top < this.box.scrollTop || top + height > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = Math.max(0, top - this.box.clientHeight / 3);
    if (!quietly) this.choose(this.spans[at]);
  }

  toggle(at, open) {
    const close = open === undefined ? !this.closed.has(at) : !open;
    if (close && this.children[at]) this.closed.add(at);
    else this.closed.delete(at);
    this.arrange();
  }

  foldAll(close) {
    this.closed = new Set(close ? this.spans.map((_, at) => at).filter((at) => this.children[at] && this.spans[at].depth > 0) : []);
    this.arrange();
  }

  /* Goes to the next span that fits, after the chosen one and around. */
  seek(fits) {
    for (let step = 1; step <= this.spans.length; step++) {
      const at = (Math.max(this.chosen, -1) + step + this.spans.length) % this.spans.length;
      if (fits(this.spans[at])) return this.select(at);
    }
  }

  find(text) {
    const wanted = text.toLowerCase();
    const fits = (span) => (span.name + " " + span.type + " " + (span.message || "") + " " + (span.decision || "")).toLowerCase().includes(wanted);
    this.hits = new Set(wanted ? this.spans.map((_, at) => at).filter((at) => fits(this.spans[at])) : []);
    this.later();
    return { fits, hits: this.hits.size };
  }

  key(event) {
    const line = this.line.get(this.chosen) ?? -1;
    const span = this.spans[this.chosen];
    const page = Math.max(1, Math.floor(this.box.clientHeight / this.height()) - 1);
    const to = (where) => this.select(this.visible[Math.max(0, Math.min(this.visible.length - 1, where))]);
    const actions = {
      ArrowDown: () => to(line + 1),
      ArrowUp: () => to(line - 1),
      PageDown: () => to(line + page),
      PageUp: () => to(line - page),
      Home: () => to(0),
      End: () => to(this.visible.length - 1),
      ArrowRight: () => span && this.children[this.chosen] && (this.closed.has(this.chosen) ? this.toggle(this.chosen, true) : to(line + 1)),
      ArrowLeft: () => span && (this.children[this.chosen] && !this.closed.has(this.chosen) ? this.toggle(this.chosen, false) : span.parent >= 0 && this.select(span.parent)),
      Enter: () => span && this.choose(span),
    };
    if (!actions[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    actions[event.key]();
  }
}
