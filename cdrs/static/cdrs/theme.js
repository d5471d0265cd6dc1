// SPDX-License-Identifier: Apache-2.0
// A frame of a page takes over the light or the dark of the page.

const page = window.parent.document.documentElement;
document.documentElement.classList.toggle("dark", page.classList.contains("dark"));
if (page.dataset.theme) {
  document.documentElement.dataset.theme = page.dataset.theme;
}
