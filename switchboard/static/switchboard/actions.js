// SPDX-License-Identifier: Apache-2.0
// Comfort that the rows of actions do without: rows are added, moved and removed, and show what their type asks for.
"use strict";
(() => {
  const setUp = (box) => {
    const list = box.querySelector(".actions-rows");
    const rows = () => [...list.querySelectorAll(".actions-row")];
    const blank = rows().find((row) => row.classList.contains("is-blank"));
    if (!blank) return;
    const pattern = blank.cloneNode(true);

    const fit = (row) => {
      const chosen = row.querySelector("select").selectedOptions[0].dataset;
      const text = row.querySelector(".actions-text");
      text.classList.toggle("is-unused", !chosen.text);
      const input = text.querySelector("input");
      input.placeholder = chosen.hint || chosen.text || "";
      if (chosen.list) input.setAttribute("list", chosen.list);
      else input.removeAttribute("list");
      const timeout = row.querySelector(".actions-timeout");
      timeout.classList.toggle("is-unused", !chosen.timeout);
      timeout.querySelector("input").placeholder = chosen.timeout || "";
    };

    const number = () => rows().forEach((row, place) => {
      for (const field of row.querySelectorAll("[name]")) {
        field.name = `${box.dataset.name}-${place}-${field.name.split("-").pop()}`;
        if (field.id) field.id = `${box.id}-${place}-text`;
      }
    });

    const prepare = (row) => {
      row.classList.remove("is-blank");
      row.querySelector(".actions-tools").hidden = false;
      fit(row);
    };

    for (const row of rows()) {
      if (row.classList.contains("is-blank")) row.remove();
      else prepare(row);
    }
    const add = () => {
      const row = pattern.cloneNode(true);
      list.append(row);
      row.querySelector("select").selectedIndex = 1;
      prepare(row);
      number();
      return row;
    };
    const button = box.querySelector(".actions-add");
    button.hidden = false;
    button.addEventListener("click", () => add().querySelector("select").focus());
    list.addEventListener("change", (event) => {
      if (event.target.matches("select")) fit(event.target.closest(".actions-row"));
    });
    list.addEventListener("click", (event) => {
      const wanted = event.target.closest("[data-do]");
      if (!wanted) return;
      const row = wanted.closest(".actions-row");
      if (wanted.dataset.do === "remove") row.remove();
      else if (wanted.dataset.do === "up") row.previousElementSibling?.before(row);
      else row.nextElementSibling?.after(row);
      if (!rows().length) add();
      number();
      if (row.isConnected) wanted.focus();
    });
    number();
  };
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".actions").forEach(setUp));
})();
