// SPDX-License-Identifier: Apache-2.0
// Turns the light of a set-up page green when the phone registers; takes HTML that the server has rendered and escaped.
"use strict";
(() => {
  const light = document.querySelector(".phone-light[data-live]");
  if (!light) return;
  const note = document.querySelector(".phone-connection");
  const say = (text) => { note.textContent = text; note.hidden = !text; };
  let wait = 500;
  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${light.dataset.live}`);
    socket.onopen = () => { wait = 500; say(""); };
    socket.onmessage = (message) => {
      const { state, html } = JSON.parse(message.data);
      light.dataset.state = state;
      light.innerHTML = html;
    };
    socket.onclose = (event) => {
      if (event.code === 4401) { say("You are logged out: log in again to see whether the phone registers."); return; }
      if (event.code === 4403) { say("You may not see this any more."); return; }
      say("Connection lost – trying again");
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, 8000);
    };
  };
  connect();
})();
