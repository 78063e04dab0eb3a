"use strict";
(function () {
  const data = JSON.parse(document.getElementById("case-table").textContent);
  const MARKS = {{ MARKS|tojson }};
  const PAGE = 100, VERDICT = {{ VERDICT }}, NO_DIGITS = {{ NO_DIGITS }};
  const by = (id) => document.getElementById(id);
  const list = by("cases-list"), body = list.tBodies[0], more = by("more");
  const text = by("filter-text"), family = by("filter-family"), criterion = by("filter-criterion"),
    pair = by("filter-pair"), quantity = by("filter-quantity"), verdict = by("filter-verdict");
  const counted = {{ counted|tojson }};       // the verdicts that have a column
  let sorted = { key: -1, down: false }, limit = PAGE;

  function option(select, value, words) {
    const it = document.createElement("option");
    it.value = value;
    it.textContent = words;
    select.append(it);
  }
  const pairName = (column) => data.engines[column[0]] + " – " + data.engines[column[1]];
  new Set(data.cases.map((one) => one[1])).forEach((name) => option(family, name, name || "(no name)"));
  new Set(data.columns.map(pairName)).forEach((name) => option(pair, name, name));
  new Set(data.columns.map((column) => column[2])).forEach((name) => option(quantity, name, name));
  data.verdicts.forEach((name, rank) => {
    if (data.cases.some((one) => one[7][rank] > 0)) option(verdict, String(rank), name);
  });

  // The worst verdict and the fewest digits of the chosen engines and quantity: [rank, digits], or null where there is none.
  function told(one, chosen) {
    let rank = -1, digits = NO_DIGITS;
    for (const k of chosen) {
      const cell = one[8][k];
      if (cell === null) continue;
      rank = Math.max(rank, Math.floor(cell / VERDICT));
      digits = Math.min(digits, cell % VERDICT);
    }
    return rank < 0 ? null : [rank, digits];
  }

  function rows() {
    const narrowed = pair.value !== "" || quantity.value !== "";
    const chosen = data.columns.map((_, k) => k).filter((k) => (pair.value === "" || pairName(data.columns[k]) === pair.value)
      && (quantity.value === "" || data.columns[k][2] === quantity.value));
    const wanted = text.value.toLowerCase(), found = [];
    for (const one of data.cases) {
      if (wanted && !one[0].toLowerCase().includes(wanted)) continue;
      if (family.selectedIndex > 0 && one[1] !== family.value) continue;
      if (criterion.value && one[2] !== criterion.value) continue;
      const here = told(one, chosen);
      if (narrowed && here === null) continue;
      const rank = narrowed ? here[0] : one[6];
      if (verdict.value !== "" && (narrowed ? String(rank) !== verdict.value : one[7][Number(verdict.value)] === 0)) continue;
      found.push([one[0], one[2], one[3], one[4], one[5], rank, here === null ? NO_DIGITS : here[1],
        ...counted.map((k) => one[7][k])]);
    }
    const key = sorted.key;
    if (key >= 0) {
      const sign = sorted.down ? -1 : 1;
      found.sort((a, b) => sign * (typeof a[key] === "string" ? a[key].localeCompare(b[key], "en", { numeric: true })
        : a[key] - b[key]));
    }
    return found;
  }

  function cell(row, tag, content, name) {
    const it = document.createElement(tag);
    it.textContent = content;
    if (name) it.className = name;
    if (tag === "th") it.scope = "row";
    row.append(it);
    return it;
  }

  const shown = (name) => name === "" ? "(no name)" : name.length > 120 ? name.slice(0, 60) + "…" + name.slice(-59) : name;
  const number = (value) => value.toLocaleString("en");

  function draw() {
    const found = rows(), fragment = document.createDocumentFragment();
    for (const one of found.slice(0, limit)) {
      const row = document.createElement("tr");
      cell(row, "th", shown(one[0]), "name").dir = "auto";
      cell(row, "td", one[1]);
      for (const k of [2, 3, 4]) cell(row, "td", number(one[k]), "n");
      cell(row, "td", MARKS[data.verdicts[one[5]]] + "\u202f" + data.verdicts[one[5]]);
      cell(row, "td", one[6] === NO_DIGITS ? "–" : (one[6] / 10).toFixed(1), "n");
      for (const count of one.slice(7)) cell(row, "td", number(count), "n");
      fragment.append(row);
    }
    body.replaceChildren(fragment);
    more.hidden = found.length <= limit;
    by("shown-count").textContent = Math.min(limit, found.length).toLocaleString("en") + " of " + number(found.length)
      + " cases shown" + (found.length < data.cases.length ? " (of " + number(data.cases.length) + " in all)" : "") + ".";
  }

  function redraw() {
    limit = PAGE;
    draw();
  }

  [...list.tHead.rows[0].cells].forEach((head, key) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      sorted = { key, down: sorted.key === key ? !sorted.down : key === 5 || key > 6 };
      for (const other of list.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      redraw();
    });
  });
  for (const control of [text, family, criterion, pair, quantity, verdict]) control.addEventListener("input", redraw);
  more.addEventListener("click", () => { limit += PAGE; draw(); });
  function reset() {
    for (const control of [text, family, criterion, pair, quantity, verdict]) control.value = "";
    sorted = { key: -1, down: false };
    for (const head of list.tHead.rows[0].cells) head.setAttribute("aria-sort", "none");
  }
  by("filter-reset").addEventListener("click", () => { reset(); redraw(); });

  document.querySelectorAll("a[data-quantity]").forEach((link) => link.addEventListener("click", () => {
    reset();
    pair.value = link.dataset.pair;
    quantity.value = link.dataset.quantity;
    list.tHead.rows[0].cells[6].querySelector("button").click();
  }));

  redraw();
})();
