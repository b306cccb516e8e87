// The page of a run that is under way: shows what the server tells of it, and loads the page anew at its end.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const marks = { waiting: "○", running: "▶", ran: "✓", failed: "✗" };
  const element = (id) => document.getElementById(id);
  const later = (seconds) => new Promise((go) => setTimeout(go, 1000 * seconds));
  const silence_s = 3; // after which a stream is taken for one that something on the way holds back
  const most_streams = 3; // that end without a word; from then on the state is asked for
  const most_between_s = 10; // two questions to a server that does not answer
  let began = Date.now() - 1000 * Number(element("seconds").textContent);
  let steps = "";
  let over = false;
  let connected = true;
  let streams = 0; // in a row that ended without a word

  const setText = (id, text) => {
    const target = element(id);
    // Only what differs: a screen reader says what is written anew.
    if (target.textContent !== text) target.textContent = text;
  };

  const end = () => {
    if (over) return;
    over = true;
    location.reload();
  };

  const showSteps = (list) => {
    const told = JSON.stringify(list);
    if (told === steps) return;
    steps = told;
    element("steps").replaceChildren(...list.map((step) => {
      const line = document.createElement("li");
      line.className = step.state;
      const parts = [["span", "mark", marks[step.state]], ["code", "", step.name], ["span", "state", step.state]];
      if (step.seconds !== null) parts.push(["span", "took", `${step.seconds.toFixed(2)} s`]);
      parts.forEach(([tag, name, text], place) => {
        const part = document.createElement(tag);
        if (name) part.className = name;
        if (name === "mark") part.setAttribute("aria-hidden", "true");
        part.textContent = text;
        if (place) line.append(" ");
        line.append(part);
      });
      return line;
    }));
  };

  const showProgress = (progress) => {
    const bar = element("progress");
    if (progress && progress.total) {
      bar.max = progress.total;
      bar.value = progress.done;
    } else {
      bar.removeAttribute("value");
    }
    setText("progress-text", progress ? progress.text : "");
  };

  const show = (state) => {
    connected = true;
    setText("connection", "");
    began = Date.now() - 1000 * state.seconds;
    setText("phase", state.phase);
    showProgress(state.progress);
    showSteps(state.steps);
    if (state.messages.length) {
      element("messages-box").hidden = false;
      setText("messages", state.messages.join("\n"));
    }
    if (state.state !== "running") end();
  };

  const listen = () => {
    let heard = false;
    const events = new EventSource(live.dataset.events);
    const close = () => {
      clearTimeout(silence);
      events.close();
    };
    const silence = setTimeout(() => {
      if (heard) return;
      close();
      streams = most_streams;
      ask();
    }, 1000 * silence_s);
    events.onmessage = (message) => {
      heard = true;
      streams = 0;
      show(JSON.parse(message.data));
      if (over) close();
    };
    events.onerror = () => {
      // Its time is up, or it does not come through. The browser is not left to try for ever.
      close();
      if (over) return;
      if (!heard) streams += 1;
      ask();
    };
  };

  // Where no events come through (a proxy, too many pages at once, a server that is down), the state is asked for.
  const ask = async () => {
    let failures = 0;
    while (!over) {
      try {
        const answer = await fetch(live.dataset.state, { cache: "no-store" });
        if (answer.ok) {
          failures = 0;
          show(await answer.json());
        } else if (answer.status < 500) {
          end(); // the page says why: logged out, or a run that is not known any more
        } else {
          throw new Error(String(answer.status));
        }
      } catch {
        failures += 1;
        connected = false;
        setText("connection", "The server does not answer. This is what it said last; the page goes on asking.");
      }
      if (over) return;
      if (connected && streams < most_streams && "EventSource" in window) {
        listen();
        return;
      }
      await later(Math.min(1 + failures, most_between_s));
    }
  };

  setInterval(() => {
    if (!over && connected) setText("seconds", String(Math.floor((Date.now() - began) / 1000)));
  }, 1000);

  if ("EventSource" in window) {
    listen();
  } else {
    ask();
  }
})();
