// SPDX-License-Identifier: Apache-2.0
// Comfort that the pages of calls do without: a click on a line opens the call, a click on an id copies it.

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    navigator.clipboard?.writeText(button.dataset.copy).then(() => {
      button.classList.add("is-copied");
      setTimeout(() => button.classList.remove("is-copied"), 1500);
    });
    return;
  }
  const line = event.target.closest(".calls-table tbody tr");
  const selected = String(window.getSelection() || "");
  if (line && !event.target.closest("a") && !selected) {
    line.querySelector("a")?.click();
  }
});

document.querySelectorAll("[data-copy]").forEach((button) => {
  button.hidden = !navigator.clipboard;
});
