// SPDX-License-Identifier: Apache-2.0
// The API console is as dark as the admin: what was chosen there counts, else what the system says.

const isDark = window.matchMedia("(prefers-color-scheme: dark)");

function chosen() {
  try {
    return JSON.parse(window.localStorage.getItem("adminTheme"));
  } catch {
    return window.localStorage.getItem("theme");
  }
}

function paint() {
  const theme = chosen();
  const dark = theme === "dark" || (theme !== "light" && isDark.matches);
  document.documentElement.classList.toggle("dark-mode", dark);
}

isDark.addEventListener("change", paint);
window.addEventListener("storage", paint);
paint();
