// Page of `foveal serve`. Text from the server and file names are set as text, never as markup.

const $ = (id) => document.getElementById(id);
const RIGHT_MARK = "✓", WRONG_MARK = "✗", MINUS = "−";

const cards = new Map(); // elements of the card of each variant
let about; // description of the networks and the choices
let current = null; // session of the chosen image
let imageRequest = new AbortController(); // aborted when another image is chosen
let mapRequest = new AbortController(); // aborted when other maps are requested
let wasImageChosen = false;
let galleryPage = 0;

/* Elements. */

function makeElement(tag, { text, attributes = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function fillSelect(select, options, selected) {
  select.replaceChildren(...options.map(([value, text]) => makeElement("option", { value, text })));
  select.value = selected;
}

function formatNumber(value, decimals = 2) {
  const text = value.toFixed(decimals);
  return text.startsWith("-") ? MINUS + text.slice(1) : text;
}

const formatPercent = (fraction) => `${(100 * fraction).toFixed(1)} %`;
const getClassName = (label) => about.classes[label];

/* Requests. */

async function request(address, options = {}) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not respond. Check that foveal serve is still running.");
  }
  if (response.ok) return response;
  const content = await response.json().catch(() => ({}));
  throw new Error(content.message ?? `The server responded with status ${response.status}.`);
}

const requestJson = async (address, options) => (await request(address, options)).json();

async function* readJsonLines(response) {
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

function showError(error) {
  if (error.name === "AbortError") return;
  $("error").textContent = error.message;
  $("error").hidden = false;
}

function clearError() {
  $("error").hidden = true;
  $("error").textContent = "";
}

/* Choice of an image. */

async function uploadFile(file) {
  if (!file) return;
  if (file.size > about.max_bytes) {
    const megabytes = (file.size / 1e6).toFixed(1);
    showError(new Error(`The file should have at most ${about.max_bytes / 1e6} MB. Found ${megabytes} MB. `
      + "Make the image smaller, or choose another."));
    return;
  }
  const headers = { "Content-Type": "application/octet-stream" };
  await chooseImage({ body: file, headers }, file);
}

async function chooseExample(index) {
  const headers = { "Content-Type": "application/json" };
  await chooseImage({ body: JSON.stringify({ example: index }), headers }, null);
}

async function chooseImage(options, file) {
  wasImageChosen = true;
  imageRequest.abort();
  imageRequest = new AbortController();
  try {
    current = await requestJson("/api/images", { method: "POST", signal: imageRequest.signal, ...options });
    clearError();
    showImage(file);
    $("target").value = String(current.target);
    markTarget();
    await updateMaps({ onlyOcclusion: false });
  } catch (error) {
    showError(error);
  }
}

function showImage(file) {
  const original = $("original").querySelector("img");
  if (original.src) URL.revokeObjectURL(original.src);
  $("original").hidden = file === null;
  if (file) original.src = URL.createObjectURL(file);
  else original.removeAttribute("src");
  const input = $("network-input").querySelector("img");
  input.src = current.picture;
  const label = current.label === null ? null : getClassName(current.label);
  input.alt = label === null ? "The image as the networks see it" : `Test image ${current.index}: ${label}`;
  $("image-name").textContent = label === null ? file.name : `Test image ${current.index}, true class ${label}.`;
  for (const button of $("thumbnails").querySelectorAll("button")) {
    button.setAttribute("aria-current", String(Number(button.value) === current.index));
  }
  for (const { variant, top } of current.variants) showTopClasses(cards.get(variant), top);
}

function showTopClasses(card, top) {
  card.top.replaceChildren(...top.map(({ class: label, probability }, rank) => {
    const name = makeElement("span", { className: "name", title: getClassName(label), text: getClassName(label) });
    if (rank === 0 && current.label !== null) {
      const isCorrect = label === current.label;
      const attributes = { role: "img", "aria-label": isCorrect ? "correct" : "wrong" };
      name.prepend(makeElement("span", { text: `${isCorrect ? RIGHT_MARK : WRONG_MARK} `, attributes }));
    }
    const bar = makeElement("span");
    bar.style.width = `${100 * probability}%`;
    const item = makeElement("li", {}, name, makeElement("span", { text: formatPercent(probability) }),
      makeElement("span", { className: "bar", attributes: { "aria-hidden": "true" } }, bar));
    item.dataset.class = label;
    return item;
  }));
}

function markTarget() {
  for (const { top } of cards.values()) {
    for (const item of top.children) item.classList.toggle("target", item.dataset.class === $("target").value);
  }
}

/* Maps. */

async function updateMaps({ onlyOcclusion }) {
  mapRequest.abort();
  mapRequest = new AbortController();
  const { signal } = mapRequest;
  const target = $("target").value;
  const address = `/api/images/${encodeURIComponent(current.token)}`;
  for (const { article } of cards.values()) {
    article.classList.add("outdated");
    article.classList.toggle("all", !onlyOcclusion);
  }
  $("cards").setAttribute("aria-busy", "true");
  try {
    if (!onlyOcclusion) {
      showMaps(await requestJson(`${address}/maps?${new URLSearchParams({ target })}`, { signal }));
      for (const { article } of cards.values()) article.classList.remove("all");
    }
    const options = new URLSearchParams({ window: $("window").value, fill: $("fill").value, target });
    await followSweep(await request(`${address}/occlusion?${options}`, { signal }));
    for (const { article } of cards.values()) article.classList.remove("outdated");
    $("cards").setAttribute("aria-busy", "false");
  } catch (error) {
    if (error.name !== "AbortError") $("status").textContent = "";
    showError(error);
  }
}

async function followSweep(response) {
  let shownIndex = -1, isFinished = false;
  $("progress").value = 0;
  for await (const event of readJsonLines(response)) {
    if (event.message !== undefined) throw new Error(event.message);
    if (event.variants !== undefined) {
      showOcclusion(event);
      isFinished = true;
      continue;
    }
    $("progress").value = event.progress;
    if (event.index !== shownIndex) { // one message per variant, because screen readers read it aloud
      shownIndex = event.index;
      $("status").textContent = `Occlusion sweep of ${event.variant}, ${shownIndex + 1} of ${about.variants.length}.`;
    }
  }
  if (!isFinished) throw new Error("The sweep ended early. Check that foveal serve is still running.");
}

function showOcclusion(result) {
  const name = getClassName(result.target), decimals = chooseDecimals(result.limit);
  for (const { variant, picture, confidence, max_drop: maxDrop, is_flat: isFlat } of result.variants) {
    const { occlusion } = cards.get(variant);
    const drop = isFlat ? "flat" : `largest drop ${formatNumber(maxDrop, decimals)}`;
    showPicture(occlusion, picture, `Occlusion map of ${variant} for ${name}: ${drop}.`);
    occlusion.caption.textContent = `p ${formatNumber(confidence)}, ${drop}`;
  }
  const [height, width] = result.window, [vertical, horizontal] = result.stride;
  $("progress").value = 1;
  $("status").textContent = `Window ${height} x ${width} px, stride ${vertical} x ${horizontal} px, fill ${result.fill}.`;
  const limit = formatNumber(result.limit, decimals);
  showLegend("legend-occlusion", about.color_scales.signed,
    `Occlusion: drop of the probability of ${name}; blue where it rises`, [MINUS + limit, "0", limit]);
}

function showMaps(maps) {
  const name = getClassName(maps.target);
  for (const content of maps.variants) {
    const card = cards.get(content.variant);
    const isFlat = content.cam_is_flat;
    showPicture(card.cam, content.cam, `Grad-CAM of ${content.variant} for ${name}${isFlat ? ": flat" : ""}.`);
    card.cam.caption.textContent = isFlat ? "flat" : "";
    showGates(card.gates, content, maps.channel_limit);
  }
  showLegend("legend-cam", about.color_scales.positive, `Grad-CAM: evidence for ${name}, not normalized`,
    ["0", formatNumber(maps.cam_limit, chooseDecimals(maps.cam_limit))]);
  $("legend-gates").hidden = maps.gate_range === null;
  if (maps.gate_range !== null) {
    const [low, high] = maps.gate_range;
    const ticks = [low, high].map((value) => formatNumber(value, chooseDecimals(high - low)));
    showLegend("legend-gates", about.color_scales.gates, "Gates over positions: weight", ticks);
  }
  const hasBars = maps.variants.some(({ gates }) => gates.some((gate) => gate.channel_weights));
  $("legend-bars").hidden = !hasBars;
  $("legend-bars").textContent = "Bars are gates over channels, sorted by weight. "
    + `Their full height is ${formatNumber(maps.channel_limit)}.`;
  $("legends").hidden = false;
}

function chooseDecimals(range) {
  return range >= 0.1 || range <= 0 ? 2 : Math.min(6, 1 + Math.ceil(-Math.log10(range)));
}

function showLegend(id, scale, text, ticks) {
  const figure = $(id);
  figure.querySelector("figcaption").textContent = text;
  figure.querySelector("img").src = scale;
  figure.querySelector(".ticks").replaceChildren(...ticks.map((tick) => makeElement("span", { text: tick })));
}

function showPicture(figure, source, alt) {
  figure.image.src = source;
  figure.image.alt = alt;
}

function showGates(container, { variant, gates }, limit) {
  const figures = gates.flatMap((gate) => {
    const elements = [];
    if (gate.picture) {
      const range = gate.range.map((value) => formatNumber(value)).join(" to ");
      const alt = `Gate over positions of ${variant} at ${gate.site}: ${range}.`;
      const frame = makeElement("div", { className: "frame" }, makeElement("img", { src: gate.picture, alt }));
      elements.push(makeElement("figure", {}, frame, makeGateCaption(gate.site, range)));
    }
    if (gate.channel_weights) elements.push(makeBars(variant, gate, limit));
    return elements;
  });
  const title = makeElement("h4", { text: figures.length ? "Gates" : "No gates" });
  container.replaceChildren(title, ...figures);
}

function makeBars(variant, { site, channel_weights: weights }, limit) {
  const count = weights.length, namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg"), path = document.createElementNS(namespace, "path");
  const range = `${formatNumber(weights[count - 1])} to ${formatNumber(weights[0])}`;
  svg.setAttribute("viewBox", `0 0 ${count} 1`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `Gate over channels of ${variant} at ${site}: ${count} weights, ${range}.`);
  path.setAttribute("d", "M0 1" + weights.map((weight, k) => `V${1 - weight / limit}H${k + 1}`).join("") + "V1Z");
  svg.append(path);
  return makeElement("figure", {}, svg, makeGateCaption(site, range));
}

function makeGateCaption(site, range) {
  return makeElement("figcaption", {}, makeElement("span", { text: site }), makeElement("span", { text: range }));
}

/* Gallery of test images. */

async function showGallery() {
  try {
    const options = new URLSearchParams({ class: $("class").value, page: galleryPage });
    const gallery = await requestJson(`/api/examples?${options}`);
    $("thumbnails").replaceChildren(...gallery.examples.map((each) => makeThumbnail(each, gallery.class)));
    $("previous").disabled = gallery.page === 0;
    $("next").disabled = gallery.page + 1 >= gallery.page_count;
    $("page-number").textContent = `${gallery.page + 1} of ${gallery.page_count}`;
    return gallery.examples;
  } catch (error) {
    showError(error);
    return [];
  }
}

function makeThumbnail({ index, picture, correct_count: correct }, label) {
  const count = about.variants.length;
  const single = correct ? ["correct", RIGHT_MARK] : ["wrong", WRONG_MARK];
  const [text, mark] = count > 1 ? [`${correct} of ${count} correct`, `${correct}/${count} ${RIGHT_MARK}`] : single;
  const image = makeElement("img", { src: picture, alt: `${getClassName(label)}, test image ${index}: ` });
  const button = makeElement("button", { type: "button", value: index, title: `Test image ${index}: ${text}` }, image,
    makeElement("small", { text: mark, attributes: { "aria-hidden": "true" } }),
    makeElement("span", { className: "visually-hidden", text }));
  button.setAttribute("aria-current", String(current !== null && index === current.index));
  button.addEventListener("click", () => chooseExample(index));
  return makeElement("li", {}, button);
}

function turnPage(step) {
  galleryPage += step;
  return showGallery();
}

/* Tabs. */

const tabs = [...document.querySelectorAll("[role=tab]")];

function selectTab(selected) {
  for (const tab of tabs) {
    const isSelected = tab === selected;
    tab.setAttribute("aria-selected", String(isSelected));
    tab.tabIndex = isSelected ? 0 : -1;
    $(tab.getAttribute("aria-controls")).hidden = !isSelected;
  }
  if (selected.id === "tab-report" && !$("report").src) {
    $("report-status").textContent = "Creating the report.";
    $("report").addEventListener("load", () => { $("report-status").textContent = ""; });
    $("report").src = "/report";
  }
}

function selectTabByKey(event) {
  const index = tabs.indexOf(event.target), last = tabs.length - 1;
  const next = index === last ? 0 : index + 1, previous = index === 0 ? last : index - 1;
  const target = { ArrowRight: next, ArrowLeft: previous, Home: 0, End: last }[event.key];
  if (target === undefined) return;
  event.preventDefault();
  tabs[target].focus();
  selectTab(tabs[target]);
}

/* Page. */

function makeCard({ name, seed }) {
  const makeMapFigure = (title) => {
    const image = makeElement("img", { alt: "" }), caption = makeElement("figcaption");
    const frame = makeElement("div", { className: "frame" }, image);
    const element = makeElement("figure", {}, makeElement("h4", { text: title }), frame, caption);
    return { element, image, caption };
  };
  const top = makeElement("ol", { className: "top" }), gates = makeElement("div", { className: "gates" });
  const occlusion = makeMapFigure("Occlusion"), cam = makeMapFigure("Grad-CAM");
  occlusion.element.className = "occlusion";
  const head = makeElement("div", {}, makeElement("h3", { text: name }), makeElement("small", { text: `seed ${seed}` }));
  const article = makeElement("article", { className: "card", attributes: { "aria-label": name } },
    head, top, occlusion.element, cam.element, gates);
  cards.set(name, { article, top, occlusion, cam, gates });
  return article;
}

function describeStudy() {
  const { model, data, variants, image, normalization, omitted_variants: omitted } = about;
  const seeds = [...new Set(variants.map(({ seed }) => seed))];
  const seedText = seeds.length === 1 ? `seed ${seeds[0]}` : "the first finished seed of each";
  const count = `${variants.length} ${variants.length === 1 ? "network" : "variants"}`;
  const means = normalization.mean.map((value) => formatNumber(value, 3)).join(", ");
  const deviations = normalization.std.map((value) => formatNumber(value, 3)).join(", ");
  const omittedText = omitted.length ? ` Variants without this seed are omitted: ${omitted.join(", ")}.` : "";
  $("subject").textContent = `${count} of ${model} on ${data}, ${seedText}. `
    + `Images of ${image.width} x ${image.height} pixels, normalized by mean ${means} and standard deviation `
    + `${deviations}.${omittedText}`;
  $("limits").textContent = `PNG, JPEG, WebP, BMP or GIF, up to ${about.max_bytes / 1e6} MB and `
    + `${about.max_pixels / 1e6} megapixels. It stays on this machine.`;
  document.title = `Predictions and maps: ${model} on ${data}`;
  document.documentElement.style.setProperty("--aspect", String(image.width / image.height));
}

function addListeners() {
  $("file").addEventListener("change", async ({ target }) => {
    const [file] = target.files;
    target.value = ""; // allows the same file to be chosen again
    await uploadFile(file);
  });
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    $("drop-area").addEventListener(name, (event) => {
      event.preventDefault();
      $("drop-area").classList.toggle("is-over", name === "dragenter" || name === "dragover");
      if (name === "drop") uploadFile(event.dataTransfer.files[0]);
    });
  }
  for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
  $("target").addEventListener("change", () => { markTarget(); if (current) updateMaps({ onlyOcclusion: false }); });
  for (const id of ["window", "fill"]) {
    $(id).addEventListener("change", () => { if (current) updateMaps({ onlyOcclusion: true }); });
  }
  $("class").addEventListener("change", () => { galleryPage = 0; showGallery(); });
  $("previous").addEventListener("click", () => turnPage(-1));
  $("next").addEventListener("click", () => turnPage(1));
  for (const tab of tabs) {
    tab.addEventListener("click", () => selectTab(tab));
    tab.addEventListener("keydown", selectTabByKey);
  }
}

try {
  about = await requestJson("/api/about");
  describeStudy();
  const classOptions = about.classes.map((name, label) => [String(label), name]);
  fillSelect($("target"), classOptions, "0");
  fillSelect($("class"), classOptions, "0");
  fillSelect($("window"), about.windows.map((side) => [String(side), `${side} x ${side} px`]), String(about.default_window));
  fillSelect($("fill"), about.fills.map((fill) => [fill, fill]), "mean");
  $("cards").append(...about.variants.map(makeCard));
  addListeners();
  const [first] = await showGallery();
  if (first && !wasImageChosen) await chooseExample(first.index);
} catch (error) {
  showError(error);
}
