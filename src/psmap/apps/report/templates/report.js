"use strict";
(function () {
  const table = document.getElementById("sites");
  if (!table) return;

  // Words that act like a button, by mouse and by keyboard. Real buttons vanish from heads repeated on paper.
  const control = (part, act) => {
    part.setAttribute("role", "button");
    part.tabIndex = 0;
    part.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      act();
    });
  };

  // A site and its row light up together while pointed at or focused, and stay lit once chosen.
  const parts = (id) => document.querySelectorAll('[data-site="' + id + '"]');
  const rowOf = (id) => table.querySelector('tr[data-site="' + id + '"]');
  const light = (id, on) => parts(id).forEach((part) => part.classList.toggle("on", on));
  let held = null;
  const hold = (id) => {
    if (held !== null) {
      light(held, false);
      rowOf(held).querySelector(".control").setAttribute("aria-pressed", "false");
    }
    held = held === id ? null : id;
    if (held !== null) {
      light(held, true);
      rowOf(held).querySelector(".control").setAttribute("aria-pressed", "true");
    }
  };
  document.querySelectorAll("[data-site]").forEach((part) => {
    const id = part.dataset.site;
    const leave = () => { if (held !== id) light(id, false); };
    part.addEventListener("mouseenter", () => light(id, true));
    part.addEventListener("mouseleave", leave);
    // Not on the pictures: an SVG group that listens for focus becomes a stop of the Tab key.
    if (part.tagName === "TR") {
      part.addEventListener("focusin", () => light(id, true));
      part.addEventListener("focusout", leave);
    }
    part.addEventListener("click", () => {
      hold(id);
      if (held !== null && part.tagName !== "TR") rowOf(id).scrollIntoView({ block: "nearest" });
    });
  });
  Array.from(table.tBodies[0].rows).forEach((row) => {
    const number = row.querySelector(".control");
    number.setAttribute("aria-pressed", "false");
    control(number, () => hold(row.dataset.site));
  });

  // Numbers sort from the highest, words from A; what has no number comes last; equals keep the order of the sites.
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const plain = text.replace(/[\u202f\u2009]/g, "").replace(/\u2212/g, "-");
    return /^-?\d/.test(plain) ? parseFloat(plain) : text;
  };
  const sortBy = (head) => {
    const column = head.cellIndex;
    const rows = Array.from(table.tBodies[0].rows).map((row) => [value(row, column), Number(row.dataset.site), row]);
    const numeric = rows.some(([key]) => typeof key === "number");
    const sorted = head.getAttribute("aria-sort");
    const down = sorted ? sorted === "ascending" : numeric;
    rows.sort(([a, site], [b, other]) => {
      if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
      if (numeric && typeof a === "string") return site - other;
      const order = numeric ? a - b || other - site : (a > b) - (a < b) || site - other;
      return down ? -order : order;
    });
    table.querySelectorAll("thead th").forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    table.tBodies[0].append(...rows.map(([, , row]) => row));
  };
  table.querySelectorAll("thead th").forEach((head) => {
    const name = head.querySelector(".control");
    name.addEventListener("click", () => sortBy(head));
    control(name, () => sortBy(head));
  });
})();
