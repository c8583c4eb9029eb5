"use strict";
(function () {
  const parts = (id) => document.querySelectorAll('[data-site="' + id + '"]');
  let held = null;
  const light = (id, on) => parts(id).forEach((part) => part.classList.toggle("on", on));
  document.querySelectorAll("[data-site]").forEach((part) => {
    const id = part.dataset.site;
    part.addEventListener("mouseenter", () => light(id, true));
    part.addEventListener("mouseleave", () => { if (held !== id) light(id, false); });
    part.addEventListener("click", () => {
      const before = held;
      if (before !== null) light(before, false);
      held = before === id ? null : id;
      if (held !== null) light(held, true);
      if (held !== null && part.tagName !== "TR") {
        document.querySelector('tr[data-site="' + id + '"]').scrollIntoView({ block: "nearest" });
      }
    });
  });
  const key = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const plain = text.replace(/[\u202f\u2009]/g, "").replace(/\u2212/g, "-");
    const value = parseFloat(plain);
    return /^-?\d/.test(plain) && !Number.isNaN(value) ? value : text;
  };
  const table = document.getElementById("sites");
  if (!table) return;
  table.querySelectorAll("thead button").forEach((button) => {
    const head = button.closest("th");
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = Array.from(table.tBodies[0].rows).map((row) => [key(row, head.cellIndex), row]);
      rows.sort((a, b) => {
        const numbers = typeof a[0] === "number" && typeof b[0] === "number";
        if (!numbers && typeof a[0] !== typeof b[0]) return typeof a[0] === "number" ? -1 : 1;
        const order = numbers ? a[0] - b[0] : String(a[0]).localeCompare(String(b[0]));
        return down ? -order : order;
      });
      rows.forEach(([, row]) => table.tBodies[0].appendChild(row));
    });
  });
})();
