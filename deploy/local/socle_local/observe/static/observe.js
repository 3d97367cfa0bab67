// Live: every five seconds the part of the page that changes is fetched again, unless the reader is in it.
"use strict";

const SECONDS = 5;
const button = document.getElementById("live-switch");
const part = document.getElementById("live");

function opened() {
  return new Set([...part.querySelectorAll("details[open]")].map((each) => each.id));
}

async function refresh() {
  if (button.getAttribute("aria-pressed") !== "true" || document.hidden) return;
  // What is selected or has the focus must not vanish under the reader.
  if (part.contains(document.activeElement) || String(document.getSelection())) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const before = opened();
    part.replaceChildren(...page.getElementById("live").childNodes);
    for (const each of part.querySelectorAll("details")) each.open = before.has(each.id);
    button.classList.remove("away");
    button.textContent = "Live";
  } catch {
    button.classList.add("away");
    button.textContent = "No answer";
  }
}

if (part) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? "Live" : "Paused";
  });
  setInterval(refresh, SECONDS * 1000);
}
