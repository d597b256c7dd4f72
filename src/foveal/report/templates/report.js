"use strict";
// Interaction of the report: sorting, filters, enlarged figures. The page is complete without it.

function parseNumber(text) {
  const match = text.replace(/,/g, "").replace(/−/g, "-").match(/[-+]?\d+(\.\d+)?/);
  return match ? Number(match[0]) : NaN;
}

function makeSortable(table) {
  const body = table.tBodies[0];
  const originalRows = [...body.rows];
  if (!originalRows.length) return;
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const previous = heading.getAttribute("aria-sort");
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      const next = { null: "descending", descending: "ascending", ascending: null }[previous];
      body.append(...(next ? sortRows(originalRows, column, next) : originalRows));
      if (next) heading.setAttribute("aria-sort", next);
    });
  });
}

function sortRows(rows, column, direction) {
  const cellText = (row) => row.cells[column].firstChild?.textContent.trim() ?? "";
  const isText = rows[0].cells[column].matches("th, .text");
  const sign = direction === "ascending" ? 1 : -1;
  const compare = (first, second) => {
    if (isText) return sign * cellText(first).localeCompare(cellText(second));
    const [a, b] = [parseNumber(cellText(first)), parseNumber(cellText(second))];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    return sign * (a - b);
  };
  return [...rows].sort(compare);
}

function enableFilters(form) {
  form.hidden = false;
  const selects = [...form.querySelectorAll("select")];
  const applyFilters = () => {
    for (const figure of document.querySelectorAll("main figure")) {
      figure.hidden = selects.some((select) => {
        const value = figure.dataset[select.dataset.filter];
        return select.value && value !== undefined && value !== select.value;
      });
    }
  };
  form.addEventListener("change", applyFilters);
  form.addEventListener("submit", (event) => event.preventDefault());
  applyFilters(); // a browser can restore the selection after a reload
}

function enableEnlarging(dialog) {
  const container = dialog.querySelector("div");
  let placeholder = null;
  for (const figure of document.querySelectorAll("main figure")) {
    const svg = figure.querySelector("svg");
    if (!svg) continue; // the figure is in its own file
    const button = document.createElement("button");
    button.type = "button";
    button.className = "enlarge";
    button.textContent = "Enlarge";
    button.setAttribute("aria-label", `Enlarge: ${svg.getAttribute("aria-label")}`);
    figure.append(button);
    button.addEventListener("click", () => {
      placeholder = document.createComment("");
      svg.replaceWith(placeholder);
      container.append(svg); // moved instead of copied, so that its ids stay unique
      dialog.showModal();
    });
  }
  dialog.querySelector("button").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => placeholder.replaceWith(container.firstChild));
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

// Confusion matrix with a choice of variant, seed and quantity.
function showConfusion(container, { classes, baseline, runs }) {
  const size = classes.length;
  const listUnique = (name) => [...new Set(runs.map((run) => run[name]))];
  const controls = document.createElement("div");
  controls.className = "explorer-controls";
  const addSelect = (label, options) => {
    const outer = document.createElement("label");
    const inner = document.createElement("select");
    inner.append(...options.map(([value, text]) => new Option(text, value)));
    outer.append(`${label} `, inner);
    controls.append(outer);
    return inner;
  };
  const variants = listUnique("variant");
  const variant = addSelect("variant", variants.map((name) => [name, name]));
  const seed = addSelect("seed", [["", "all"], ...listUnique("seed").map((value) => [value, value])]);
  const quantities = [["share", "% of the true class"], ["count", "images"]];
  if (variants.length > 1 && variants.includes(baseline)) {
    quantities.push(["difference", `difference to ${baseline}, points`]);
  }
  const quantity = addSelect("quantity", quantities);
  const canvas = document.createElement("canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "Confusion matrix. The arrow keys move over its cells.");
  const readout = document.createElement("p");
  readout.className = "readout";
  readout.setAttribute("aria-live", "polite");
  container.append(controls, canvas, readout);
  container.hidden = false;

  let selected = null; // [row, column]
  let values = [];
  const sumCounts = (name) => {
    const counts = new Array(size * size).fill(0);
    for (const run of runs) {
      if (run.variant === name && (!seed.value || String(run.seed) === seed.value)) {
        run.counts.forEach((count, index) => (counts[index] += count));
      }
    }
    const totals = classes.map((_, row) => counts.slice(row * size, (row + 1) * size).reduce((a, b) => a + b, 0));
    return { counts, shares: counts.map((count, index) => count / (totals[Math.floor(index / size)] || NaN)) };
  };
  const formatValue = (value) => {
    if (Number.isNaN(value)) return "no images";
    if (quantity.value === "count") return `${value.toLocaleString("en")} image${value === 1 ? "" : "s"}`;
    const percent = (100 * value).toFixed(1).replace(/^-(0\.0)$/, "$1").replace("-", "−");
    return quantity.value === "share" ? `${percent} %` : `${value > 0 ? "+" : ""}${percent} points`;
  };
  const updateReadout = () => {
    const [row, column] = selected;
    const value = values[row * size + column];
    readout.textContent = `true ${classes[row]}, predicted ${classes[column]}: ${formatValue(value)}`;
  };
  const draw = () => {
    const shown = quantity.value;
    const { counts, shares } = sumCounts(variant.value);
    values = shown === "count" ? counts : shares;
    if (shown === "difference") {
      const baselineShares = sumCounts(baseline).shares;
      values = shares.map((share, index) => share - baselineShares[index]);
    }
    const isCorrect = (index) => Math.floor(index / size) === index % size;
    const largest = (keep) =>
      values.reduce((top, value, index) => (keep(index) ? Math.max(top, Math.abs(value) || 0) : top), 1e-9);
    const [largestCorrect, largestError] = [largest(isCorrect), largest((index) => !isCorrect(index))];
    const side = Math.max(4, Math.min(36, Math.floor(560 / size)));
    const scale = window.devicePixelRatio || 1;
    const margin = 130; // for class names
    const extent = margin + side * size;
    canvas.width = canvas.height = extent * scale;
    canvas.style.width = canvas.style.height = `${extent}px`;
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink");
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    values.forEach((value, index) => {
      const [row, column] = [Math.floor(index / size), index % size];
      const [x, y] = [margin + column * side, margin + row * side];
      const isBlue = shown === "difference" ? value > 0 : isCorrect(index);
      const ownLimit = isCorrect(index) ? largestCorrect : largestError;
      const limit = shown === "difference" ? Math.max(largestCorrect, largestError) : ownLimit;
      const opacity = (0.75 * Math.abs(value || 0)) / limit;
      context.fillStyle = `rgba(${isBlue ? "0, 114, 178" : "213, 94, 0"}, ${opacity})`;
      context.fillRect(x, y, side, side);
      if (side >= 24 && value && (shown === "count" || Math.abs(value) >= 0.005)) {
        context.fillStyle = ink;
        context.textAlign = "center";
        const label = shown === "count" ? value : (100 * value).toFixed(0).replace("-", "−");
        context.fillText(label, x + side / 2, y + side / 2);
      }
    });
    context.fillStyle = ink;
    if (side >= 12) {
      classes.forEach((name, index) => {
        const label = name.length > 16 ? `${name.slice(0, 15)}…` : name;
        context.textAlign = "right";
        context.fillText(label, margin - 6, margin + (index + 0.5) * side);
        context.save();
        context.translate(margin + (index + 0.5) * side, margin - 6);
        context.rotate(-Math.PI / 2);
        context.textAlign = "left";
        context.fillText(label, 0, 0);
        context.restore();
      });
    }
    if (selected) {
      context.strokeStyle = ink;
      context.lineWidth = 2;
      context.strokeRect(margin + selected[1] * side, margin + selected[0] * side, side, side);
      updateReadout();
    }
    canvas.dataset.side = side;
    canvas.dataset.margin = margin;
  };
  const select = (row, column) => {
    selected = [row, column].map((index) => Math.max(0, Math.min(size - 1, index)));
    draw();
  };
  const selectByPointer = (event) => {
    const box = canvas.getBoundingClientRect();
    const [side, margin] = [Number(canvas.dataset.side), Number(canvas.dataset.margin)];
    const zoom = (margin + side * size) / box.width;
    const [column, row] = [event.clientX - box.left, event.clientY - box.top].map((distance) =>
      Math.floor((distance * zoom - margin) / side));
    const isNew = !selected || selected[0] !== row || selected[1] !== column;
    if (row >= 0 && column >= 0 && isNew) select(row, column);
  };
  canvas.addEventListener("pointermove", selectByPointer);
  canvas.addEventListener("pointerdown", selectByPointer);
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    if (selected) select(selected[0] + step[0], selected[1] + step[1]);
    else select(0, 0);
  });
  controls.addEventListener("change", draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
}

const explorers = { confusion: showConfusion };

// Scrolls to a section without a change of the address, which would leave the frame of a notebook.
function enableNavigation(nav) {
  nav.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    event.preventDefault();
    const heading = document.getElementById(link.getAttribute("href").slice(1));
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    heading.scrollIntoView();
  });
}

// Opens all collapsed parts for printing.
function enablePrinting() {
  const opened = [];
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      opened.push(details);
    }
  });
  window.addEventListener("afterprint", () => {
    for (const details of opened.splice(0)) details.open = false;
  });
}

document.querySelectorAll("nav").forEach(enableNavigation);
enablePrinting();
document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll("form.filters").forEach(enableFilters);
document.querySelectorAll("dialog").forEach(enableEnlarging);
for (const container of document.querySelectorAll(".explorer")) {
  const data = JSON.parse(container.querySelector("script").textContent);
  explorers[container.dataset.function](container, data);
}
