"use strict";
// What a reader may do with the page; all that it says is there without.

const number = (text) => {
  const found = text.replace(/,/g, "").replace(/−/g, "-").match(/[-+]?\d+(\.\d+)?/);
  return found ? Number(found[0]) : NaN;
};

function sortable(table) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  if (!original.length) return;
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      const next = { null: "descending", descending: "ascending", ascending: null }[before];
      body.append(...(next ? sorted(original, column, next) : original));
      if (next) heading.setAttribute("aria-sort", next);
    });
  });
}

function sorted(rows, column, direction) {
  const text = (row) => row.cells[column].firstChild?.textContent.trim() ?? "";
  const words = rows[0].cells[column].matches("th, .text");
  const sign = direction === "ascending" ? 1 : -1;
  const compared = (a, b) => {
    if (words) return sign * text(a).localeCompare(text(b));
    const [one, other] = [number(text(a)), number(text(b))];
    if (Number.isNaN(one) || Number.isNaN(other)) return Number.isNaN(one) - Number.isNaN(other);
    return sign * (one - other);
  };
  return [...rows].sort(compared);
}

function choosing(form) {
  form.hidden = false;
  const selects = [...form.querySelectorAll("select")];
  const show = () => {
    for (const figure of document.querySelectorAll("main figure")) {
      figure.hidden = selects.some((select) => {
        const own = figure.dataset[select.dataset.choose];
        return select.value && own !== undefined && own !== select.value;
      });
    }
  };
  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show(); // a browser may have kept a choice over a reload
}

function enlarging(dialog) {
  const place = dialog.querySelector("div");
  let home = null;
  for (const figure of document.querySelectorAll("main figure")) {
    const picture = figure.querySelector("svg");
    if (!picture) continue; // it is in a file of its own
    const button = document.createElement("button");
    button.type = "button";
    button.className = "enlarge";
    button.textContent = "Enlarge";
    button.setAttribute("aria-label", `Enlarge: ${picture.getAttribute("aria-label")}`);
    figure.append(button);
    button.addEventListener("click", () => {
      home = document.createComment("");
      picture.replaceWith(home);
      place.append(picture); // moved and not copied: what it points to by id is there once
      dialog.showModal();
    });
  }
  dialog.querySelector("button").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => home.replaceWith(place.firstChild));
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

const explorers = { confusion };

// A matrix of which the reader chooses the variant, the seed and what it shows.
function confusion(holder, { classes, baseline, runs }) {
  const size = classes.length;
  const unique = (name) => [...new Set(runs.map((run) => run[name]))];
  const bar = document.createElement("div");
  bar.className = "choices";
  const select = (label, options) => {
    const outer = document.createElement("label");
    const inner = document.createElement("select");
    inner.append(...options.map(([value, text]) => new Option(text, value)));
    outer.append(`${label} `, inner);
    bar.append(outer);
    return inner;
  };
  const variants = unique("variant");
  const variant = select("variant", variants.map((name) => [name, name]));
  const seed = select("seed", [["", "all"], ...unique("seed").map((one) => [one, one])]);
  const shows = [["share", "% of the true class"], ["count", "images"]];
  if (variants.length > 1 && variants.includes(baseline)) {
    shows.push(["difference", `points over ${baseline}`]);
  }
  const kind = select("shown", shows);
  const canvas = document.createElement("canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "Confusion matrix; arrow keys move over its cells");
  const said = document.createElement("p");
  said.className = "said";
  said.setAttribute("aria-live", "polite");
  holder.append(bar, canvas, said);
  holder.hidden = false;

  let at = null;
  let cells = [];
  const summed = (name) => {
    const total = new Array(size * size).fill(0);
    for (const run of runs) {
      if (run.variant === name && (!seed.value || String(run.seed) === seed.value)) {
        run.counts.forEach((count, place) => (total[place] += count));
      }
    }
    const rows = classes.map((_, row) => total.slice(row * size, (row + 1) * size).reduce((a, b) => a + b, 0));
    return { total, shares: total.map((count, place) => count / (rows[Math.floor(place / size)] || NaN)) };
  };
  const text = (value, shown) => {
    if (Number.isNaN(value)) return "no images";
    if (shown === "count") return `${value.toLocaleString("en")} image${value === 1 ? "" : "s"}`;
    const percent = (100 * value).toFixed(1).replace(/^-(0\.0)$/, "$1").replace("-", "−");
    return shown === "share" ? `${percent} %` : `${value > 0 ? "+" : ""}${percent} points`;
  };
  const tell = () => {
    const [row, column] = at ?? [0, 0];
    const value = cells[row * size + column];
    said.textContent = `true ${classes[row]}, predicted ${classes[column]}: ${text(value, kind.value)}`;
  };
  const draw = () => {
    const own = summed(variant.value);
    const shown = kind.value;
    cells = own.total;
    if (shown === "share") cells = own.shares;
    if (shown === "difference") {
      const plain = summed(baseline);
      cells = own.shares.map((share, place) => share - plain.shares[place]);
    }
    const right = (place) => Math.floor(place / size) === place % size;
    const most = (keep) =>
      cells.reduce((top, v, place) => (keep(place) ? Math.max(top, Math.abs(v) || 0) : top), 1e-9);
    const [diagonal, others] = [most(right), most((place) => !right(place))];
    const side = Math.max(4, Math.min(36, Math.floor(560 / size)));
    const scale = window.devicePixelRatio || 1;
    const names = 130;
    const extent = names + side * size;
    canvas.width = canvas.height = extent * scale;
    canvas.style.width = canvas.style.height = `${extent}px`;
    const paint = canvas.getContext("2d");
    paint.scale(scale, scale);
    const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink");
    paint.font = "12px system-ui, sans-serif";
    paint.textBaseline = "middle";
    cells.forEach((value, place) => {
      const [row, column] = [Math.floor(place / size), place % size];
      const [x, y] = [names + column * side, names + row * side];
      const blue = shown === "difference" ? value > 0 : right(place);
      const top = shown === "difference" ? Math.max(diagonal, others) : right(place) ? diagonal : others;
      const strength = (0.75 * Math.abs(value || 0)) / top;
      paint.fillStyle = `rgba(${blue ? "0, 114, 178" : "213, 94, 0"}, ${strength})`;
      paint.fillRect(x, y, side, side);
      if (side >= 24 && value && (shown === "count" || Math.abs(value) >= 0.005)) {
        paint.fillStyle = ink;
        paint.textAlign = "center";
        const label = shown === "count" ? value : (100 * value).toFixed(0).replace("-", "−");
        paint.fillText(label, x + side / 2, y + side / 2);
      }
    });
    paint.fillStyle = ink;
    if (side >= 12) {
      classes.forEach((name, place) => {
        const label = name.length > 16 ? `${name.slice(0, 15)}…` : name;
        paint.textAlign = "right";
        paint.fillText(label, names - 6, names + (place + 0.5) * side);
        paint.save();
        paint.translate(names + (place + 0.5) * side, names - 6);
        paint.rotate(-Math.PI / 2);
        paint.textAlign = "left";
        paint.fillText(label, 0, 0);
        paint.restore();
      });
    }
    if (at) {
      paint.strokeStyle = ink;
      paint.lineWidth = 2;
      paint.strokeRect(names + at[1] * side, names + at[0] * side, side, side);
      tell();
    }
    canvas.dataset.side = side;
    canvas.dataset.names = names;
  };
  const move = (row, column) => {
    at = [row, column].map((place) => Math.max(0, Math.min(size - 1, place)));
    draw();
  };
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    const [side, names] = [Number(canvas.dataset.side), Number(canvas.dataset.names)];
    const zoom = (names + side * size) / box.width;
    const [column, row] = [event.clientX - box.left, event.clientY - box.top].map((distance) =>
      Math.floor((distance * zoom - names) / side));
    if (row >= 0 && column >= 0 && (!at || at[0] !== row || at[1] !== column)) move(row, column);
  };
  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    if (at) move(at[0] + step[0], at[1] + step[1]);
    else move(0, 0);
  });
  bar.addEventListener("change", draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
}

// Within a frame of a notebook an address of this page alone would lead to the notebook.
function leading(nav) {
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

// On paper everything is open.
function printing() {
  const opened = [];
  window.addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("details:not([open])")) {
      fold.open = true;
      opened.push(fold);
    }
  });
  window.addEventListener("afterprint", () => {
    for (const fold of opened.splice(0)) fold.open = false;
  });
}

document.querySelectorAll("nav").forEach(leading);
printing();
document.querySelectorAll("table.sortable").forEach(sortable);
document.querySelectorAll("form.choose").forEach(choosing);
document.querySelectorAll("dialog").forEach(enlarging);
for (const holder of document.querySelectorAll(".explorer")) {
  explorers[holder.dataset.call](holder, JSON.parse(holder.querySelector("script").textContent));
}
