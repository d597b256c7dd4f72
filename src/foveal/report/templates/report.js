"use strict";
// Interaction of the report: sorting, folds, dimming of other variants, the place in the contents.
// The page is complete without it.
const list = (selector, root = document) => [...root.querySelectorAll(selector)];

function parseKey(cell) {
  const text = cell.dataset.s ?? cell.firstChild?.textContent?.trim() ?? "";
  const number = Number.parseFloat(text.replace(/,/g, "").replace("−", "-"));
  return Number.isNaN(number) || cell.matches("th, .text") ? text : number;
}

function compareKeys(first, second) {
  if (typeof first !== typeof second) return typeof first === "number" ? -1 : 1;
  return typeof first === "number" ? first - second : first.localeCompare(second);
}

function makeSortable(table) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  if (original.length < 2) return;
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    if (heading.matches(".fixed, .word")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const next = { null: "descending", descending: "ascending", ascending: null }[heading.getAttribute("aria-sort")];
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      if (next) heading.setAttribute("aria-sort", next);
      const sign = next === "ascending" ? 1 : -1;
      const sorted = [...original].sort((a, b) => sign * compareKeys(parseKey(a.cells[column]), parseKey(b.cells[column])));
      body.append(...(next ? sorted : original));
    });
  });
}

function enableFolds(button) {
  const folds = list("main details");
  button.addEventListener("click", () => {
    const open = folds.some((fold) => !fold.open);
    folds.forEach((fold) => { fold.open = open; });
    button.textContent = open ? "Close all folds" : "Open all folds";
  });
}

function enableLegend(buttons) {
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const chosen = button.getAttribute("aria-pressed") !== "true";
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button && chosen)));
      if (chosen) document.body.dataset.only = button.dataset.pick;
      else delete document.body.dataset.only;
    });
  }
}

// Scrolls without a change of the address, which would leave the frame of a notebook.
function enableLinks() {
  for (const link of list('a[href^="#"]')) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const target = document.getElementById(link.getAttribute("href").slice(1));
      target.tabIndex = -1;
      target.focus({ preventScroll: true });
      target.scrollIntoView();
    });
  }
}

function markPlace() {
  const links = new Map(list("nav a").map((link) => [link.getAttribute("href").slice(1), link]));
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(entry.target.getAttribute("aria-labelledby"))?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  list("main section").forEach((section) => observer.observe(section));
}

document.body.classList.add("on-js");
// A frame gets its width after its script has run, so the width is not asked once.
const narrow = window.matchMedia("(max-width: 1199px)");
const foldContents = () => list("nav details").forEach((fold) => { fold.open = !narrow.matches; });
narrow.addEventListener("change", foldContents);
foldContents();
list("table.sortable").forEach(makeSortable);
enableFolds(document.getElementById("all"));
enableLegend(list("[data-pick]"));
enableLinks();
markPlace();
