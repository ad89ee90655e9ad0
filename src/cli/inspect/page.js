"use strict";
// What is on the tape reaches the page as text nodes only, never as markup.
const { tape, interactions } = JSON.parse(document.getElementById("tape").textContent);
const page = document.getElementById("page");

function el(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function svg(tag, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function time(us) {
  if (us === null || us === undefined) return "–";
  if (us < 1000) return `${us} µs`;
  if (us < 1e6) return `${(us / 1e3).toFixed(1)} ms`;
  return `${(us / 1e6).toFixed(3)} s`;
}

const size = (bytes) => (bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const PIECES = ["text", "reasoning", "refusal", "tool_call", "other"];
const NAMES = { text: "text", reasoning: "reasoning", refusal: "refusal", tool_call: "tool call", other: "other" };

let stop = () => {};

function show(one) {
  stop();
  const frames = one.frames;
  const said = one.transcript;
  const bytes = one.chunks.reduce((sum, [, length]) => sum + length, 0);
  const total = Math.max(1, one.end?.at_us ?? 0, one.response?.at_us ?? 0, one.chunks.at(-1)?.[0] ?? 0);
  const gaps = one.chunks.slice(1).map(([at], i) => at - one.chunks[i][0]);

  const chooser = el("select");
  chooser.ariaLabel = "Interaction";
  interactions.forEach((other, i) => {
    const request = other.request;
    const option = el("option", "", `${other.interaction}: ${request ? `${request.method} ${request.target}` : "body"}`);
    option.value = i;
    option.selected = other === one;
    chooser.append(option);
  });
  chooser.onchange = () => show(interactions[chooser.value]);

  const badge = (text, good) => el("span", `badge ${good ? "good" : "bad"}`, text);
  const header = el(
    "header", "", el("h1", "", tape.cassette),
    one.response ? badge(`${one.response.status}`, one.response.status < 400) : badge("no response", false),
    said ? badge(said.ending, said.ending === "complete") : null,
    one.end ? (one.end.how === "complete" ? null : badge(one.end.how, false)) : (one.request ? badge("no end", false) : null),
    said?.violations.length ? badge(`${said.violations.length} violations`, false) : null,
  );
  const subtitle = [tape.title, said?.dialect, said?.model, tape.synthetic ? "synthetic" : null, tape.timing_unknown ? "times unknown" : null];
  const tiles = el("div", "tiles");
  const tile = (value, name) => tiles.append(el("div", "tile", el("b", "", value), el("span", "", name)));
  tile(time(one.response?.at_us), "to the head");
  tile(time(one.chunks[0]?.[0]), "to the first chunk");
  tile(time(total), "in all");
  tile(gaps.length ? time(gaps.reduce((a, b) => Math.max(a, b))) : "–", "longest gap");
  tile(`${one.chunks.length}`, `chunks, ${size(bytes)}`);
  tile(`${frames.length}`, "frames");
  if (said) tile(`${said.usage.input_tokens ?? "–"} / ${said.usage.output_tokens ?? "–"}`, "tokens in / out");

  const play = el("button", "play", "▶ Play");
  const speed = el("select");
  speed.ariaLabel = "Pace";
  for (const factor of [0.25, 0.5, 1, 2, 5, 20]) {
    const option = el("option", "", factor === 1 ? "recorded pace" : `${factor} ×`);
    option.value = factor;
    option.selected = factor === 1;
    speed.append(option);
  }
  const clock = el("span", "clock mono");
  const chart = draw(one, total);
  const legend = el("div", "legend");
  const key = (name, text) => legend.append(el("span", "", el("i", `i-${name}`), text));
  key("bytes", "bytes, and their sum");
  for (const kind of chart.kinds) key(kind, NAMES[kind]);
  if (chart.faults) key("fault", "violation or error");

  const list = el("div", "frames mono");
  list.tabIndex = 0;
  const rows = frames.map((frame, i) => {
    const what = el("span", "what");
    for (const step of frame.steps) {
      const label = chip(step);
      if (label) what.append(label);
    }
    what.append(el("span", "soft", `${frame.torn ? "torn " : ""}${frame.kind === "event" ? "" : `${frame.kind} `}${frame.text}`));
    const row = el("div", "frame", el("span", "num", `${frame.number}`), el("span", "num", time(frame.at_us)), el("span", "num", `+${time(frame.gap_us)}`), what);
    row.onclick = () => { row.classList.toggle("open"); pause(); seek(frame.at_us, i); };
    return row;
  });
  list.append(...rows);
  const transcript = el("div", "said");

  page.replaceChildren(
    header,
    el("div", "soft", subtitle.filter(Boolean).join(" · ")),
    interactions.length > 1 ? el("p", "", chooser) : "",
    tiles,
    el("section", "card", el("div", "bar", play, speed, clock), chart.node, legend),
    el("div", "two", el("section", "card", el("h2", "", "Frames"), list), el("section", "card", el("h2", "", "Transcript"), transcript)),
    one.request ? messages("Request", `${one.request.method} ${one.request.url ?? one.request.target}`, one.request.headers, one.request.dropped, pretty(one.request.body)) : "",
    one.response ? messages("Response head", `${one.response.status} ${one.response.version ?? ""} ${one.response.framing ?? ""}`, one.response.headers, one.response.dropped, "") : "",
    said ? messages("Result", "the transcript as JSON", [], [], JSON.stringify(said, null, 2)) : "",
  );

  // The transcript as it stands after `shown` frames.
  let shown = 0, now = total, parts = new Map(), timer = 0, began = 0, from = 0;

  function part(kind, piece) {
    const id = `${piece.choice}/${piece.part}`;
    let known = parts.get(id);
    if (!known) {
      const name = el("div", "name");
      const body = el("div", "body");
      transcript.append(el("div", `part ${kind}`, name, body));
      known = { name, body, label: piece.choice > 0 ? `choice ${piece.choice}, ${NAMES[kind]}` : NAMES[kind] };
      parts.set(id, known);
      name.textContent = known.label;
    }
    if (piece.name) known.name.textContent = `${known.label} ${piece.name}`;
    return known;
  }

  function apply(step) {
    if (PIECES.includes(step.type)) part(step.type, step).body.append(step.text);
    else if (step.type === "replace") part("text", step).body.textContent = step.text;
    else if (step.type === "finish") transcript.append(el("div", "note soft", `finish: ${step.reason}`));
    else if (step.type === "error") transcript.append(el("div", "note bad", `error: ${step.text}`));
    else if (step.type === "violation") transcript.append(el("div", "note bad", step.text));
  }

  function clear() {
    parts = new Map();
    transcript.replaceChildren();
    shown = 0;
  }

  function end() {
    one.at_end.forEach(apply);
    if (said) transcript.append(el("div", `note ${said.ending === "complete" ? "good" : "bad"}`, said.ending));
    if (one.opaque) transcript.append(el("div", "note soft", `${one.opaque.content_type ?? "no content type"}, ${size(one.opaque.bytes)}, sha256 ${one.opaque.sha256}`));
    shown = frames.length + 1;
  }

  // Shows what had come `at` this time; a frame that was chosen is the last one shown.
  function seek(at, chosen) {
    now = Math.min(Math.max(at, 0), total);
    let target = chosen === undefined ? frames.findIndex((frame) => frame.at_us > now) : chosen + 1;
    if (target < 0) target = frames.length;
    const over = now >= total && chosen === undefined;
    if (target < shown || (shown > frames.length && !over)) clear();
    for (; shown < target; shown++) frames[shown].steps.forEach(apply);
    if (over && shown <= frames.length) end();
    const current = target - 1;
    rows.forEach((row, i) => {
      row.classList.toggle("later", i > current);
      row.classList.toggle("now", i === current);
    });
    reveal(list, rows[current]);
    transcript.scrollTop = transcript.scrollHeight;
    chart.head(now);
    clock.textContent = `${time(Math.round(now))} of ${time(total)}`;
  }

  function pause() {
    cancelAnimationFrame(timer);
    timer = 0;
    play.textContent = "▶ Play";
  }

  function tick(at) {
    seek(from + (at - began) * 1000 * speed.value);
    if (now >= total) return pause();
    timer = requestAnimationFrame(tick);
  }

  function toggle() {
    if (timer) return pause();
    from = now >= total ? 0 : now;
    began = performance.now();
    play.textContent = "❚❚ Pause";
    timer = requestAnimationFrame(tick);
  }

  play.onclick = toggle;
  speed.onchange = () => { from = now; began = performance.now(); };
  chart.onseek = (at) => { pause(); seek(at); };
  document.onkeydown = (event) => {
    if (event.target.matches("select, button, summary")) return;
    const current = rows.findIndex((row) => row.classList.contains("now"));
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === " ") toggle();
    else if (step && frames[current + step]) { pause(); seek(frames[current + step].at_us, current + step); }
    else return;
    event.preventDefault();
  };
  stop = pause;
  seek(total);
}

function reveal(list, row) {
  if (!row) return void (list.scrollTop = 0);
  const top = row.offsetTop - list.offsetTop;
  if (top < list.scrollTop || top > list.scrollTop + list.clientHeight - 40) list.scrollTop = top - list.clientHeight / 2;
}

function chip(step) {
  const text = {
    finish: () => `finish ${step.reason}`, usage: () => "usage", terminator: () => "terminator", error: () => "error",
    violation: () => step.text, replace: () => "restated", tool_call: () => (step.name ? `${step.name} ${step.text}` : step.text),
  }[step.type];
  const shown = text ? text() : step.type === "other" ? step.name : step.text;
  if (!shown) return null;
  const color = [...PIECES, "violation", "error"].includes(step.type) ? step.type : "end";
  return el("span", `chip t-${color}`, shown);
}

function messages(title, line, headers, dropped, body) {
  const table = el("table", "mono");
  for (const [name, value] of headers) table.append(el("tr", "", el("td", "soft", name), el("td", "", value)));
  return el(
    "details", "card", el("summary", "", title, " ", el("span", "soft mono", line)), headers.length ? table : null,
    dropped.length ? el("div", "soft note", `left out: ${dropped.join(", ")}`) : null, body ? el("pre", "", body) : null,
  );
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

// The chart: bytes as stems and as a rising sum, and a lane for each kind of thing said.
function draw(one, total) {
  const width = 1200, left = 74, right = 12, top = 8, tall = 110, lane = 24;
  const kinds = PIECES.filter((kind) => one.frames.some((frame) => frame.steps.some((step) => step.type === kind)));
  const faults = one.frames.some((frame) => frame.steps.some((step) => step.type === "violation" || step.type === "error"));
  const floor = top + tall, bottom = floor + 10 + kinds.length * lane, height = bottom + 24;
  const x = (at) => left + (at / total) * (width - left - right);
  const node = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Timeline of the stream", tabindex: "0" });
  const add = (tag, attributes, text) => node.appendChild(svg(tag, attributes, text));

  const step = [1, 2, 5].flatMap((n) => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((e) => n * 10 ** e)).sort((a, b) => a - b).find((us) => total / us <= 9) ?? total;
  for (let at = 0; at <= total; at += step) {
    add("line", { class: "axis", x1: x(at), x2: x(at), y1: top, y2: bottom });
    if (x(at) < width - 40) add("text", { x: x(at) + 3, y: height - 8 }, at === 0 ? "0" : time(at).replace(/\.0+ /, " "));
  }
  const first = one.chunks[0]?.[0] ?? total;
  add("rect", { class: "wait", x: left, y: top, width: Math.max(0, x(first) - left), height: tall });
  if (x(first) - left > 110) add("text", { x: left + 8, y: top + 16 }, `waiting ${time(first)}`);

  const most = one.chunks.reduce((peak, [, length]) => Math.max(peak, length), 1);
  const all = Math.max(1, one.chunks.reduce((sum, [, length]) => sum + length, 0));
  let sum = 0, stems = "", curve = `M${x(first)} ${floor}`;
  for (const [at, length] of one.chunks) {
    const px = x(at).toFixed(1);
    stems += `M${px} ${floor}V${(floor - Math.sqrt(length / most) * tall * 0.6).toFixed(1)}`;
    curve += `H${px}`;
    sum += length;
    curve += `V${(floor - (sum / all) * (tall - 8)).toFixed(1)}`;
  }
  if (one.chunks.length) {
    add("path", { class: "area", d: `${curve}H${x(total)}V${floor}Z` });
    add("path", { class: "curve", d: `${curve}H${x(total)}` });
    add("path", { class: "stem-bytes", d: stems });
  }
  add("line", { class: "axis", x1: left, x2: width - right, y1: floor, y2: floor });
  add("text", { x: 4, y: top + 12 }, size(all));

  kinds.forEach((kind, i) => {
    const middle = floor + 10 + i * lane + lane / 2;
    const amounts = one.frames.map((frame) => frame.steps.filter((other) => other.type === kind).reduce((n, other) => n + Math.max(1, other.text.length), 0));
    const peak = amounts.reduce((a, b) => Math.max(a, b), 1);
    let path = "";
    amounts.forEach((amount, at) => {
      if (!amount) return;
      const half = 2.5 + Math.sqrt(amount / peak) * (lane / 2 - 4);
      path += `M${x(one.frames[at].at_us).toFixed(1)} ${middle - half}v${2 * half}`;
    });
    add("text", { x: 4, y: middle + 4 }, NAMES[kind]);
    add("path", { class: `lane stem-${kind}`, d: path });
  });
  const broken = one.frames.filter((frame) => frame.steps.some((other) => other.type === "violation" || other.type === "error"));
  if (broken.length) add("path", { class: "fault", d: broken.map((frame) => `M${x(frame.at_us)} ${top}V${bottom}`).join("") });
  const head = add("line", { class: "head", y1: top, y2: bottom, x1: left, x2: left });

  const drawn = {
    node, kinds, faults, onseek: () => {},
    head(at) {
      head.setAttribute("x1", x(at));
      head.setAttribute("x2", x(at));
    },
  };
  const point = (event) => {
    const box = node.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * width;
    drawn.onseek(((at - left) / (width - left - right)) * total);
  };
  node.onpointerdown = (event) => { node.setPointerCapture(event.pointerId); point(event); };
  node.onpointermove = (event) => { if (event.buttons) point(event); };
  return drawn;
}

if (interactions.length) show(interactions[0]);
else page.append(el("h1", "", tape.cassette), el("p", "soft", "No interaction was recorded."));
