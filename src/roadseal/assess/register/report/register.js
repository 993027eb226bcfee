"use strict";
// Filters, and reasons on paper: without this script the page shows everything that it has.
const closed = () => document.querySelectorAll(".why details:not([open]), #ratings:not([open])");
let opened = [];
window.addEventListener("beforeprint", () => {
  opened = [...closed()];
  for (const each of opened) each.open = true;
});
window.addEventListener("afterprint", () => {
  for (const each of opened) each.open = false;
});
const form = document.querySelector("#filters");
if (form) {
  form.hidden = false;
  const items = [...document.querySelectorAll("[data-tier]")];
  const shown = document.querySelector("#shown");
  const apply = () => {
    const tiers = new Set([...form.querySelectorAll("input:checked")].map((box) => box.value));
    const kind = form.elements.kind.value;
    const text = form.elements.text.value.trim().toLowerCase();
    let count = 0;
    for (const item of items) {
      const keys = item.dataset.keys;
      const fits = tiers.has(item.dataset.tier)
        && (!kind || keys.split(" ").includes(kind))
        && (!text || (keys + " " + item.dataset.text).toLowerCase().includes(text));
      item.classList.toggle("away", !fits);
      if (fits && item.dataset.count) count += Number(item.dataset.count);
    }
    shown.textContent = count.toLocaleString("en") + " on the map";
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}
