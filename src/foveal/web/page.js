// The page of `foveal serve`. Whatever comes from the server or from a file's name is set as text, never as markup.

const $ = (id) => document.getElementById(id);
const RIGHT = "✓", WRONG = "✗", MINUS = "−";

const cards = new Map(); // the parts of each variant's card
let about; // what the server says of the networks
let current = null; // the image that is looked at
let choosing = new AbortController(); // ends when another image is chosen
let looking = new AbortController(); // ends when other maps are asked for
let asked = false; // whether anything was chosen yet
let page = 0; // of the examples

/* Elements. */

function made(tag, { text, attributes = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function fillSelect(select, choices, chosen) {
  select.replaceChildren(...choices.map(([value, text]) => made("option", { value, text })));
  select.value = chosen;
}

const number = (value, digits = 2) => {
  const text = value.toFixed(digits);
  return text.startsWith("-") ? MINUS + text.slice(1) : text;
};
const percent = (p) => `${(100 * p).toFixed(1)} %`;
const className = (k) => about.classes[k];

/* The server. */

async function ask(address, options = {}) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer: is foveal serve still running?");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw new Error(said.message ?? `The server answers with the status ${response.status}.`);
}

const json = async (address, options) => (await ask(address, options)).json();

async function* linesOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const lines = text.split("\n");
    text = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

function fail(error) {
  if (error.name === "AbortError") return;
  $("error").textContent = error.message;
  $("error").hidden = false;
}

function clearError() {
  $("error").hidden = true;
  $("error").textContent = "";
}

/* Choosing an image. */

async function upload(file) {
  if (!file) return;
  if (file.size > about.most_bytes) {
    const megabytes = (file.size / 1e6).toFixed(1);
    fail(new Error(`The file should have at most ${about.most_bytes / 1e6} MB, and has ${megabytes}: make the image smaller, or choose another.`));
    return;
  }
  const headers = { "Content-Type": "application/octet-stream" };
  await choose({ body: file, headers }, file);
}

async function example(row) {
  const headers = { "Content-Type": "application/json" };
  await choose({ body: JSON.stringify({ example: row }), headers }, null);
}

async function choose(request, file) {
  asked = true;
  choosing.abort();
  choosing = new AbortController();
  try {
    const found = await json("/api/images", { method: "POST", signal: choosing.signal, ...request });
    current = found;
    clearError();
    showImage(file);
    $("target").value = String(found.target);
    markTarget();
    await look({ also: true });
  } catch (error) {
    fail(error);
  }
}

function showImage(file) {
  const original = $("original").querySelector("img");
  if (original.src) URL.revokeObjectURL(original.src);
  $("original").hidden = file === null;
  if (file) original.src = URL.createObjectURL(file);
  else original.removeAttribute("src");
  const seen = $("seen").querySelector("img");
  seen.src = current.picture;
  const label = current.label === null ? null : className(current.label);
  seen.alt = label === null ? "The image as the networks see it" : `Test image ${current.row}: ${label}`;
  $("named").textContent = label === null ? file.name : `Test image ${current.row}, in truth ${label}.`;
  for (const button of $("thumbnails").querySelectorAll("button")) {
    button.setAttribute("aria-current", String(Number(button.value) === current.row));
  }
  for (const own of current.variants) showTop(cards.get(own.variant), own.top);
}

function showTop(card, top) {
  card.top.replaceChildren(...top.map(({ class: k, probability }, place) => {
    const mark = place === 0 && current.label !== null ? (k === current.label ? RIGHT : WRONG) : "";
    const bar = made("span");
    bar.style.width = `${100 * probability}%`;
    const name = made("span", { className: "name", title: className(k), text: className(k) });
    if (mark) {
      const said = mark === RIGHT ? "right" : "wrong";
      name.prepend(made("span", { text: `${mark} `, attributes: { role: "img", "aria-label": said } }));
    }
    const item = made("li", {}, name, made("span", { text: percent(probability) }),
      made("span", { className: "bar", attributes: { "aria-hidden": "true" } }, bar));
    item.dataset.class = k;
    return item;
  }));
}

function markTarget() {
  for (const { top } of cards.values()) {
    for (const item of top.children) item.classList.toggle("about", item.dataset.class === $("target").value);
  }
}

/* Maps. */

async function look({ also }) {
  looking.abort();
  looking = new AbortController();
  const { signal } = looking;
  const target = $("target").value;
  const address = `/api/images/${encodeURIComponent(current.token)}`;
  for (const { article } of cards.values()) {
    article.classList.add("stale");
    article.classList.toggle("wholly", also);
  }
  $("cards").setAttribute("aria-busy", "true");
  try {
    if (also) {
      showMaps(await json(`${address}/maps?${new URLSearchParams({ target })}`, { signal }));
      for (const { article } of cards.values()) article.classList.remove("wholly");
    }
    const wanted = new URLSearchParams({ window: $("window").value, fill: $("fill").value, target });
    await sweep(await ask(`${address}/occlusion?${wanted}`, { signal }));
    for (const { article } of cards.values()) article.classList.remove("stale");
    $("cards").setAttribute("aria-busy", "false");
  } catch (error) {
    if (error.name !== "AbortError") $("status").textContent = "";
    fail(error);
  }
}

async function sweep(response) {
  let place = -1, finished = false;
  $("progress").value = 0;
  for await (const event of linesOf(response)) {
    if (event.message !== undefined) throw new Error(event.message);
    if (event.variants !== undefined) {
      showOcclusion(event);
      finished = true;
      continue;
    }
    $("progress").value = event.done;
    if (event.place !== place) { // a line for each variant, not for each pass: it is read aloud
      place = event.place;
      $("status").textContent = `Hiding windows for ${event.variant}, ${place + 1} of ${about.variants.length}.`;
    }
  }
  if (!finished) throw new Error("The server has ended the sweep early: is foveal serve still running?");
}

function showOcclusion(found) {
  const name = className(found.target), digits = digitsFor(found.limit);
  for (const own of found.variants) {
    const { occlusion } = cards.get(own.variant);
    const drop = own.flat ? "flat" : `largest drop ${number(own.drop, digits)}`;
    show(occlusion, own.picture, `Occlusion map of ${own.variant} for ${name}: ${drop}.`);
    occlusion.caption.textContent = `p ${number(own.probability)}, ${drop}`;
  }
  const [height, width] = found.window, [down, across] = found.stride;
  $("progress").value = 1;
  $("status").textContent = `Window ${height} x ${width} px, every ${down} x ${across} px, hidden by ${found.fill}.`;
  const limit = number(found.limit, digits);
  legend("legend-occlusion", about.scales.signed, `Occlusion: by how much hiding lowers the probability of ${name}; blue where it raises it`,
    [MINUS + limit, "0", limit]);
}

function showMaps(found) {
  const name = className(found.target);
  for (const own of found.variants) {
    const card = cards.get(own.variant);
    show(card.cam, own.cam, `Grad-CAM of ${own.variant} for ${name}${own.cam_flat ? ": flat" : ""}.`);
    card.cam.caption.textContent = own.cam_flat ? "flat" : "";
    showGates(card.gates, own, found.channel_limit);
  }
  legend("legend-cam", about.scales.positive, `Grad-CAM: evidence for ${name}, not normalized`,
    ["0", number(found.cam_limit, digitsFor(found.cam_limit))]);
  $("legend-gates").hidden = found.gate_ends === null;
  if (found.gate_ends !== null) {
    const ends = found.gate_ends.map((value) => number(value, digitsFor(found.gate_ends[1] - found.gate_ends[0])));
    legend("legend-gates", about.scales.gates, "Gates over positions: weight", ends);
  }
  const withBars = found.variants.some(({ gates }) => gates.some(({ channels }) => channels));
  $("bars").hidden = !withBars;
  $("bars").textContent = `Bars: gates over channels, sorted by weight; the full height is ${number(found.channel_limit)}.`;
  $("legends").hidden = false;
}

function digitsFor(range) {
  return range >= 0.1 || range <= 0 ? 2 : Math.min(6, 1 + Math.ceil(-Math.log10(range)));
}

function legend(id, line, text, ends) {
  const figure = $(id);
  figure.querySelector("figcaption").textContent = text;
  figure.querySelector("img").src = line;
  figure.querySelector(".ends").replaceChildren(...ends.map((end) => made("span", { text: end })));
}

function show(part, picture, alt) {
  part.image.src = picture;
  part.image.alt = alt;
}

function showGates(part, own, limit) {
  const figures = own.gates.flatMap((gate) => {
    const both = [];
    if (gate.picture) {
      const ends = gate.ends.map((value) => number(value)).join(" to ");
      const alt = `Gate over positions of ${own.variant} at ${gate.site}: ${ends}.`;
      const frame = made("div", { className: "frame" }, made("img", { src: gate.picture, alt }));
      both.push(made("figure", {}, frame, gateCaption(gate.site, ends)));
    }
    if (gate.channels) both.push(bars(own.variant, gate, limit));
    return both;
  });
  const title = made("h4", { text: figures.length ? "Gates" : "No gates" });
  part.replaceChildren(title, ...figures);
}

function bars(variant, gate, limit) {
  const count = gate.channels.length, space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
  const ends = `${number(gate.channels[count - 1])} to ${number(gate.channels[0])}`;
  svg.setAttribute("viewBox", `0 0 ${count} 1`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `Gate over channels of ${variant} at ${gate.site}: ${count} weights, ${ends}.`);
  path.setAttribute("d", "M0 1" + gate.channels.map((value, k) => `V${1 - value / limit}H${k + 1}`).join("") + "V1Z");
  svg.append(path);
  return made("figure", {}, svg, gateCaption(gate.site, ends));
}

function gateCaption(site, ends) {
  return made("figcaption", {}, made("span", { text: site }), made("span", { text: ends }));
}

/* Examples. */

async function showExamples() {
  try {
    const wanted = new URLSearchParams({ class: $("class").value, page });
    const found = await json(`/api/examples?${wanted}`);
    const count = about.variants.length;
    $("thumbnails").replaceChildren(...found.examples.map(({ row, picture, right }) => {
      const said = count > 1 ? `${right} of ${count} right` : right ? "right" : "wrong";
      const image = made("img", { src: picture, alt: `${className(found.class)}, test image ${row}: ` });
      const small = made("small", { text: count > 1 ? `${right}/${count} ${RIGHT}` : right ? RIGHT : WRONG, attributes: { "aria-hidden": "true" } });
      const button = made("button", { type: "button", value: row, title: `Test image ${row}: ${said}` }, image, small,
        made("span", { className: "unseen", text: said }));
      button.setAttribute("aria-current", String(current !== null && row === current.row));
      button.addEventListener("click", () => example(row));
      return made("li", {}, button);
    }));
    $("earlier").disabled = found.page === 0;
    $("later").disabled = found.page + 1 >= found.pages;
    $("page").textContent = `${found.page + 1} of ${found.pages}`;
    return found.examples;
  } catch (error) {
    fail(error);
    return [];
  }
}

function turn(by) {
  page += by;
  return showExamples();
}

/* Tabs. */

const tabs = [...document.querySelectorAll("[role=tab]")];

function select(tab) {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    $(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (tab.id === "tab-report" && !$("report").src) {
    $("report-status").textContent = "Making the report.";
    $("report").addEventListener("load", () => { $("report-status").textContent = ""; });
    $("report").src = "/report";
  }
}

function byKey(event) {
  const at = tabs.indexOf(event.target), last = tabs.length - 1;
  const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  tabs[to].focus();
  select(tabs[to]);
}

/* The page. */

function card({ name, seed }) {
  const figure = (title) => {
    const image = made("img", { alt: "" }), caption = made("figcaption");
    const element = made("figure", {}, made("h4", { text: title }), made("div", { className: "frame" }, image), caption);
    return { element, image, caption };
  };
  const top = made("ol", { className: "top" }), gates = made("div", { className: "gates" });
  const occlusion = figure("Occlusion"), cam = figure("Grad-CAM");
  occlusion.element.className = "occlusion";
  const head = made("div", {}, made("h3", { text: name }), made("small", { text: `seed ${seed}` }));
  const article = made("article", { className: "card", attributes: { "aria-label": name } },
    head, top, occlusion.element, cam.element, gates);
  cards.set(name, { article, top, occlusion, cam, gates });
  return article;
}

function describe() {
  const { model, data, variants, image, normalization, left_out: leftOut } = about;
  const seeds = [...new Set(variants.map(({ seed }) => seed))];
  const of = seeds.length === 1 ? `seed ${seeds[0]}` : "the first finished seed of each";
  const pixels = `${image.width} x ${image.height} pixels`;
  const means = normalization.mean.map((value) => number(value, 3)).join(", ");
  const deviations = normalization.std.map((value) => number(value, 3)).join(", ");
  const left = leftOut.length ? ` Without that seed, and so left out: ${leftOut.join(", ")}.` : "";
  $("subject").textContent = `${variants.length} ${variants.length === 1 ? "network" : "variants"} of ${model} on ${data}, ${of}. `
    + `Images of ${pixels}, normalized by mean ${means} and deviation ${deviations}.${left}`;
  $("limits").textContent = `PNG, JPEG, WebP, BMP or GIF, up to ${about.most_bytes / 1e6} MB and ${about.most_pixels / 1e6} megapixels. It stays on this machine.`;
  document.title = `Where the networks look: ${model} on ${data}`;
  document.documentElement.style.setProperty("--aspect", String(image.width / image.height));
}

function listen() {
  $("file").addEventListener("change", async ({ target }) => {
    const [file] = target.files;
    target.value = ""; // so that the same file can be chosen again
    await upload(file);
  });
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    $("drop").addEventListener(name, (event) => {
      event.preventDefault();
      $("drop").classList.toggle("over", name === "dragenter" || name === "dragover");
      if (name === "drop") upload(event.dataTransfer.files[0]);
    });
  }
  for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
  $("target").addEventListener("change", () => { markTarget(); if (current) look({ also: true }); });
  for (const id of ["window", "fill"]) $(id).addEventListener("change", () => { if (current) look({ also: false }); });
  $("class").addEventListener("change", () => { page = 0; showExamples(); });
  $("earlier").addEventListener("click", () => turn(-1));
  $("later").addEventListener("click", () => turn(1));
  for (const tab of tabs) {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", byKey);
  }
}

try {
  about = await json("/api/about");
  describe();
  const classes = about.classes.map((name, k) => [String(k), name]);
  fillSelect($("target"), classes, "0");
  fillSelect($("class"), classes, "0");
  fillSelect($("window"), about.windows.map((side) => [String(side), `${side} x ${side} px`]), String(about.window));
  fillSelect($("fill"), about.fills.map((fill) => [fill, fill]), "mean");
  $("cards").append(...about.variants.map(card));
  listen();
  const [first] = await showExamples();
  if (first && !asked) await example(first.row);
} catch (error) {
  fail(error);
}
