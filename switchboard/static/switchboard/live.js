// SPDX-License-Identifier: Apache-2.0
// Keeps the dashboard current: takes parts that the server has rendered and escaped, and counts seconds.
"use strict";
(() => {
  const root = document.querySelector("[data-live]");
  if (!root) return;
  const state = root.querySelector(".board-state");
  const stateText = root.querySelector(".board-state-text");
  const said = root.querySelector(".board-said");
  const notices = root.querySelector(".board-notices");
  const SILENCE_MS = 8000;
  const NOTICE_MS = 8000;
  const MOST_NOTICES = 4;
  const page = Math.random().toString(36).slice(2);
  let ahead = Date.now() / 1000 - Number(root.dataset.now);
  let wait = 500;
  let socket = null;
  let heard = 0;

  const show = (connection, text) => {
    state.dataset.connection = connection;
    stateText.textContent = text;
  };

  const clock = (seconds) => {
    const whole = Math.max(Math.floor(seconds), 0);
    const two = (number) => String(number).padStart(2, "0");
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  };

  const tick = () => {
    const now = Date.now() / 1000 - ahead;
    const write = (element, seconds) => {
      const text = clock(seconds);
      if (element.textContent !== text) element.textContent = text;
    };
    for (const element of root.querySelectorAll("[data-since]")) {
      const since = Number(element.dataset.since);
      if (since > 0) write(element, now - since);
      else element.textContent = "–";
    }
    for (const element of root.querySelectorAll("[data-until]")) write(element, Number(element.dataset.until) - now);
  };

  const put = (name, html) => {
    const part = root.querySelector(`[data-part="${name}"]`);
    if (!part) return;
    // A button that became another one for the same call, as Record becomes Stop recording, keeps the focus.
    const nameOf = (element) => (element.value ? `${element.getAttribute("form")} ${element.value}` : element.href || "");
    const held = part.contains(document.activeElement) ? nameOf(document.activeElement) : "";
    part.innerHTML = html;
    if (!held) return;
    const same = [...part.querySelectorAll("button, a")].filter((element) => nameOf(element) === held);
    if (same.length) same[same.length - 1].focus();
  };

  const notify = (text) => {
    const notice = document.createElement("p");
    notice.className = "board-notice";
    notice.textContent = text;
    notices.append(notice);
    while (notices.children.length > MOST_NOTICES) notices.firstElementChild.remove();
    setTimeout(() => notice.remove(), NOTICE_MS);
  };

  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}${root.dataset.live}`);
    heard = Date.now();
    socket.onmessage = (message) => {
      const { now, parts, notices: heardOf = [] } = JSON.parse(message.data);
      ahead = Date.now() / 1000 - now;
      heard = Date.now();
      wait = 500;
      for (const name of Object.keys(parts)) put(name, parts[name]);
      // The page that something was done on is told its outcome by the answer.
      for (const each of heardOf) if (each.page !== page) notify(each.text);
      tick();
      show("live", "Live");
    };
    socket.onclose = (event) => {
      if (event.code === 4401 || event.code === 4403) {
        show("lost", event.code === 4401 ? "You are logged out – log in again" : "You may not see this any more");
        if (event.code === 4401) location.reload();
        return;
      }
      show("lost", "Connection lost – trying again");
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, 8000);
    };
  };

  const tell = (text) => {
    said.textContent = text;
    said.hidden = false;
    clearTimeout(tell.timer);
    tell.timer = setTimeout(() => { said.hidden = true; }, 6000);
  };

  const send = async (form, body, refused) => {
    body.set("page", page);
    try {
      const answer = await fetch(form.action, {
        method: "POST", body, headers: { Accept: "application/json" }, credentials: "same-origin",
      });
      const isJson = (answer.headers.get("Content-Type") || "").startsWith("application/json");
      tell(isJson ? (await answer.json()).message : refused);
    } catch {
      tell("Nothing was done: the server cannot be reached.");
    }
  };

  for (const id of ["hang-up", "record"]) {
    document.getElementById(id).addEventListener("submit", async (event) => {
      const button = event.submitter;
      if (!button) return;
      event.preventDefault();
      // Disabled, it would lose the focus.
      if (button.ariaBusy === "true") return;
      button.ariaBusy = "true";
      const body = new FormData(event.target);
      body.set(button.name, button.value);
      await send(event.target, body, event.target.dataset.refused);
      button.ariaBusy = "false";
    });
  }

  const dialog = root.querySelector("dialog");
  root.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    try {
      const answer = await fetch(`${link.href}&part=form`, { credentials: "same-origin" });
      if (answer.redirected || answer.status === 404) throw new Error("not the form");
      dialog.innerHTML = await answer.text();
      dialog.showModal();
    } catch {
      location.assign(link.href);
    }
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
  dialog.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new FormData(event.target);
    if (event.submitter) body.set(event.submitter.name, event.submitter.value);
    dialog.close();
    await send(event.target, body, "You may not do this.");
  });

  setInterval(tick, 1000);
  setInterval(() => {
    if (socket.readyState === WebSocket.OPEN && Date.now() - heard > SILENCE_MS) socket.close();
  }, 1000);
  show("lost", "Connecting");
  connect();
})();
