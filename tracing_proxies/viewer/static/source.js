/* Where the page's data come from: the server that it was loaded from, or the report that it stands in. */

class NotAnswered extends Error {
  constructor(message, missing) {
    super(message);
    this.missing = missing;
  }
}

class LiveSource {
  live = true;

  async get(path, parameters) {
    const query = new URLSearchParams(Object.entries(parameters || {}).filter(([, value]) => value));
    let answer;
    try {
      answer = await fetch("api/" + path + (query.size ? "?" + query : ""));
    } catch {
      throw new NotAnswered("The server does not answer. Is `tracing-proxies ui` still running?");
    }
    if (answer.ok) return answer.json();
    const told = await answer.json().catch(() => ({}));
    throw new NotAnswered(told.error || "The server answers " + answer.status, told.missing);
  }

  /* Tells of new spans, and whether the line to the server stands; returns what ends it. */
  listen(tell, stand) {
    const events = new EventSource("api/live");
    events.addEventListener("ready", () => stand(true));
    events.addEventListener("spans", (event) => tell(JSON.parse(event.data)));
    events.addEventListener("error", () => stand(false));
    return () => events.close();
  }
}

class ReportSource {
  live = false;

  constructor(document) {
    this.document = document;
  }

  async get(path, parameters) {
    const [kind, trace, span] = path.split("/").map(decodeURIComponent);
    if (kind === "traces") return { traces: this.#select(parameters || {}), cursor: null, searched: null };
    if (kind !== "trace") return this.document[kind];
    const found = this.document.trace[trace];
    if (!found) throw new NotAnswered("This trace is not in the report.", true);
    return span ? found.details[span] : found;
  }

  #select(filters) {
    const text = (filters.text || "").toLowerCase();
    return this.document.traces.filter(
      (trace) =>
        (!filters.agent || trace.agents.includes(filters.agent)) &&
        (!filters.source || (trace.source || trace.name) === filters.source) &&
        (!filters.session || trace.session === filters.session) &&
        (!filters.name || trace.name === filters.name) &&
        (!filters.level || (filters.level === "ERROR" ? trace.errors : trace.warnings)) &&
        (!filters.since || trace.start >= Number(filters.since)) &&
        (!text || JSON.stringify(this.document.trace[trace.id].details).toLowerCase().includes(text)),
    );
  }
}

async function openSource() {
  const data = document.getElementById("data");
  if (!data) return new LiveSource();
  const packed = Uint8Array.from(atob(data.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new ReportSource(JSON.parse(await new Response(stream).text()));
}
