"use strict";
// Sorting, filtering and opening rows of the tables that are marked for it; without it the page reads as it stands.

const address = () => new URLSearchParams(location.hash.replace(/^#\??/, ""));

function enhance(table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const filters = table.closest("[data-table]").querySelector(".filters");
  const count = filters.querySelector(".count");
  const state = { sort: null, descending: false };

  const value = (row, index) => {
    const cell = row.cells[index];
    return cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
  };
  const opened = new Map();

  function show() {
    const chosen = [...filters.querySelectorAll("select")].filter((select) => select.value !== "");
    const text = filters.querySelector("input").value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = chosen.every((select) => value(row, Number(select.dataset.column)) === select.value)
        && (text === "" || row.textContent.toLowerCase().includes(text));
      row.hidden = !fits;
      const detail = opened.get(row);
      if (detail) detail.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length} rows`;
    remember(chosen, text);
  }

  function remember(chosen, text) {
    const query = new URLSearchParams();
    for (const select of chosen) query.set(select.name, select.value);
    if (text) query.set("find", text);
    if (state.sort !== null) query.set("sort", (state.descending ? "-" : "") + heads[state.sort].dataset.name);
    const said = query.toString();
    history.replaceState(null, "", said ? `#?${said}` : location.pathname + location.search);
  }

  function sort(index, descending) {
    state.sort = index;
    state.descending = descending;
    heads.forEach((head, number) => {
      if (number === index) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const number = (row) => Number.parseFloat(value(row, index));
    const numeric = rows.some((row) => !Number.isNaN(number(row))) && heads[index].classList.contains("number");
    const sorted = [...rows].sort((a, b) => {
      if (!numeric) return value(a, index).localeCompare(value(b, index));
      const [first, second] = [number(a), number(b)];
      if (Number.isNaN(first) || Number.isNaN(second)) return Number.isNaN(first) - Number.isNaN(second);
      return first - second;
    });
    if (descending) sorted.reverse();
    for (const row of sorted) {
      body.append(row);
      if (opened.has(row)) body.append(opened.get(row));
    }
  }

  function toggle(row, button) {
    const known = opened.get(row);
    if (known) {
      known.remove();
      opened.delete(row);
      button.setAttribute("aria-expanded", "false");
      return;
    }
    const source = document.getElementById(button.dataset.opens);
    const line = document.createElement("tr");
    line.className = "detail";
    const cell = line.insertCell();
    cell.colSpan = row.cells.length;
    cell.append(source.querySelector(".inside").cloneNode(true));
    row.after(line);
    opened.set(row, line);
    button.setAttribute("aria-expanded", "true");
  }

  heads.forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.append(button);
    button.addEventListener("click", () => {
      sort(index, state.sort === index && !state.descending);
      show();
    });
  });
  for (const row of rows) {
    const link = row.querySelector("a[data-opens]");
    if (!link) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.dataset.opens = link.dataset.opens;
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-label", `Details of ${link.textContent}`);
    button.textContent = "details";
    link.after(" ", button);
    button.addEventListener("click", () => toggle(row, button));
  }
  filters.hidden = false;
  filters.addEventListener("input", show);
  filters.querySelector("button").addEventListener("click", () => {
    for (const field of filters.querySelectorAll("select, input")) field.value = "";
    show();
  });

  const asked = address();
  for (const select of filters.querySelectorAll("select")) {
    const wanted = asked.get(select.name);
    if (wanted !== null && [...select.options].some((option) => option.value === wanted)) select.value = wanted;
  }
  filters.querySelector("input").value = asked.get("find") || "";
  const order = asked.get("sort");
  if (order) {
    const index = heads.findIndex((head) => head.dataset.name === order.replace(/^-/, ""));
    if (index >= 0) sort(index, order.startsWith("-"));
  }
  if (location.hash === "" || location.hash.startsWith("#?")) show();
  else count.textContent = `${rows.length} rows`;
}

function openTarget() {
  if (location.hash.length < 2 || location.hash.startsWith("#?")) return;
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = target && target.closest("details");
  if (details) {
    details.open = true;
    details.scrollIntoView();
  }
}

function explainPoints() {
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  document.addEventListener("pointermove", (event) => {
    const title = event.target.querySelector && event.target.matches("svg [data-point]") ? event.target.dataset.point : "";
    tip.hidden = title === "";
    if (title === "") return;
    tip.textContent = title;
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${event.clientY + 14}px`;
  });
}

document.documentElement.classList.add("scripts");
document.querySelectorAll("[data-table] table").forEach(enhance);
document.querySelectorAll("pre").forEach((block) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.dataset.copies = "";
  button.textContent = "copy";
  block.after(button);
});
document.addEventListener("click", async (event) => { // one for all: an opened row holds a copy of its button
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const block = button.previousElementSibling;
  try {
    await navigator.clipboard.writeText(block.textContent);
    button.textContent = "copied";
  } catch { // from a file, some browsers let nobody write there
    const range = document.createRange();
    range.selectNodeContents(block);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    button.textContent = "selected";
  }
});
addEventListener("hashchange", openTarget);
openTarget();
explainPoints();
