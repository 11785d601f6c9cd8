"use strict";
// The point under the pointer, and two results side by side; without it the page reads as it stands.

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const panel = document.getElementById("picked");
  const tip = document.getElementById("tip");
  let picked = [];

  const percent = (ratio) => `${ratio >= 1 ? "+" : "−"}${Math.abs(100 * (ratio - 1)).toFixed(1)} %`;
  const time = (value) => {
    for (const [unit, size] of [["s", 1e6], ["ms", 1e3], ["µs", 1]]) {
      if (value >= size) return `${(value / size).toPrecision(4)} ${unit}`;
    }
    return `${(value * 1e3).toPrecision(4)} ns`;
  };

  function find(event) {
    const svg = event.target.closest && event.target.closest("svg[data-trend]");
    if (!svg) return null;
    const trend = data.trends[Number(svg.dataset.trend)];
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / box.width;
    const share = ((event.clientX - box.left) * scale - Number(svg.dataset.left)) / Number(svg.dataset.width);
    if (share < 0 || share >= 1) return null;
    return { trend, index: Math.floor(share * trend.microseconds.length) };
  }

  function describe({ trend, index }) {
    const [, began, commit] = data.results[trend.results[index]];
    const first = trend.firsts.filter((place) => place <= index).pop();
    const own = trend.microseconds[index];
    const said = [`${time(own)} at ${commit}, ${began}`];
    if (index > first) {
      said.push(`${percent(own / trend.microseconds[index - 1])} since previous`);
      said.push(`${percent(own / trend.microseconds[first])} since first`);
    }
    return said.join("; ");
  }

  function pick(result) {
    picked = picked.length === 2 || picked.includes(result) ? [result] : [...picked, result];
    show();
  }

  function element(name, text, parent) {
    const made = document.createElement(name);
    if (text !== "") made.textContent = text;
    if (parent) parent.append(made);
    return made;
  }

  function show() {
    panel.textContent = "";
    for (const number of picked) {
      const [name, began, commit, kind, source] = data.results[number];
      element("p", `A ${kind} that began ${began} at commit ${commit}: ${source} (${name}).`, panel);
    }
    if (picked.length < 2) {
      element("p", "Pick another one to put it beside this one.", panel);
    } else {
      compare([...picked].sort((one, other) => one - other));
    }
    panel.closest("section").scrollIntoView({ block: "nearest" });
  }

  function compare([before, after]) {
    const table = document.createElement("table");
    element("caption", "Times of the earlier and of the later one, and how the time changed. Not measured in turn: no verdict.", table);
    const head = table.createTHead().insertRow();
    for (const name of ["case", "earlier", "later", "change"]) element("th", name, head).scope = "col";
    const body = table.createTBody();
    const rows = [];
    for (const trend of data.trends) {
      const [early, late] = [before, after].map((result) => trend.microseconds[trend.results.indexOf(result)]);
      if (early !== undefined && late !== undefined) rows.push([trend.case, early, late, late / early]);
    }
    rows.sort((one, other) => Math.abs(Math.log(other[3])) - Math.abs(Math.log(one[3])));
    for (const [name, early, late, ratio] of rows) {
      const row = body.insertRow();
      element("th", name, row).scope = "row";
      for (const text of [time(early), time(late), percent(ratio)]) element("td", text, row).className = "number";
    }
    const wide = element("div", "", panel);
    wide.className = "wide";
    wide.tabIndex = 0;
    if (rows.length) wide.append(table);
    else element("p", "They have no case in common.", wide);
  }

  document.addEventListener("pointermove", (event) => {
    const found = find(event);
    if (!found) return;
    tip.hidden = false;
    tip.textContent = describe(found);
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${event.clientY + 14}px`;
  });
  document.addEventListener("click", (event) => {
    const found = find(event);
    if (found) pick(found.trend.results[found.index]);
  });
  const numbers = new Map(data.results.map(([name], number) => [name, number]));
  for (const head of document.querySelectorAll("#results tbody th")) {
    const button = element("button", "pick");
    button.type = "button";
    button.className = "copy";
    button.setAttribute("aria-label", `Pick ${head.textContent}`);
    const number = numbers.get(head.textContent);
    button.addEventListener("click", () => pick(number));
    head.append(" ", button);
  }
})();
