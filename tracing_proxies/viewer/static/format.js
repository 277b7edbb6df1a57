/* Writes figures and times for people. */

function duration(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return "–";
  if (ms < 0.001 && ms > 0) return Math.round(ms * 1e6) + " ns";
  if (ms < 1) return Math.round(ms * 1000) + " µs";
  if (ms < 10) return ms.toFixed(1) + " ms";
  if (ms < 1000) return Math.round(ms) + " ms";
  if (ms < 60000) return (ms / 1000).toFixed(ms < 10000 ? 2 : 1) + " s";
  if (ms < 3600000) return Math.floor(ms / 60000) + " min " + Math.round((ms % 60000) / 1000) + " s";
  if (ms < 2 * 86400000) return (ms / 3600000).toFixed(1) + " h";
  return Math.round(ms / 86400000) + " days";
}

function count(number) {
  return new Intl.NumberFormat("en", { maximumFractionDigits: number < 10 && number % 1 ? 1 : 0 }).format(number);
}

function share(part, whole) {
  if (!whole) return "–";
  const percent = (100 * part) / whole;
  return (percent === 0 || percent === 100 ? percent : percent.toFixed(percent < 10 ? 1 : 0)) + " %";
}

function bytes(size) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let at = 0;
  while (size >= 1024 && at < units.length - 1) [size, at] = [size / 1024, at + 1];
  return (at ? size.toFixed(1) : size) + " " + units[at];
}

function plural(number, one, many) {
  return count(number) + " " + (number === 1 ? one : many || one + "s");
}

/* A moment in the viewer's zone, with UTC on hover; the day is left out where it is today's. */
function moment(ms, withDay) {
  if (ms === null || ms === undefined) return "–";
  const date = new Date(ms);
  const utc = date.toISOString();
  const today = date.toDateString() === new Date().toDateString();
  const day = today && !withDay ? "" : date.toLocaleDateString("en-CA") + " ";
  const clock = date.toLocaleTimeString("en-GB", { hour12: false }) + "." + utc.slice(20, 23);
  return el("time", { datetime: utc, title: utc.replace("T", " ").replace("Z", " UTC") }, day + clock);
}
