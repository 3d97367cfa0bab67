"use strict";

// The page is French as served; `data-en` holds the other language. Nothing here leaves this platform.
const WORDS = {
  fr: { serving: "en service", away: "indisponible", on: "Connecté", off: "Connexion perdue, nouvel essai…", copy: "Copier",
    copied: "Copié", other: "English", switch: "Switch to English", events: "Événements", title: "Socle · Les services socles de la e-santé" },
  en: { serving: "serving", away: "unavailable", on: "Connected", off: "Connection lost, retrying…", copy: "Copy",
    copied: "Copied", other: "Français", switch: "Passer en français", events: "Events", title: "Socle · The building blocks of e-health" },
};
const FACTS = {
  "identity.created": ["Identité créée, provisoire", "Identity created, provisional"],
  "identity.retrieved": ["INS récupérée", "INS retrieved"],
  "identity.validated": ["Identité validée", "Identity validated"],
  "identity.qualified": ["Identité qualifiée", "Identity qualified"],
  "identity.downgraded": ["Qualification perdue", "Qualification lost"],
  "record.opened": ["Dossier ouvert", "Record opened"],
  "document.submitted": ["Document déposé", "Document submitted"],
  "document.masked": ["Document masqué", "Document hidden"],
  "document.unmasked": ["Document rendu visible", "Document shown again"],
  "access.granted": ["Accès accordé", "Access granted"],
  "access.revoked": ["Accès retiré", "Access revoked"],
  "access.emergency_used": ["Accès en urgence", "Emergency access"],
  "prescription.signed": ["Ordonnance signée", "Prescription signed"],
  "prescription.activated": ["Ordonnance délivrable", "Prescription activated"],
  "prescription.locked": ["Ordonnance prise par une officine", "Prescription claimed"],
  "prescription.released": ["Ordonnance rendue", "Prescription released"],
  "line.intervened": ["Intervention du pharmacien", "Pharmacist intervened"],
  "dispensing.closed": ["Délivrance close", "Dispensing closed"],
  "prescription.completed": ["Ordonnance entièrement délivrée", "Prescription completed"],
  "prescription.cancelled": ["Ordonnance annulée", "Prescription cancelled"],
  "prescription.expired": ["Ordonnance expirée", "Prescription expired"],
  "prescription.accessed": ["Ordonnance consultée", "Prescription read"],
  "prescription.exceptionally_renewed": ["Renouvellement exceptionnel", "Exceptional renewal"],
  "duplicate.found": ["Doublon de délivrance", "Duplicate dispensing"],
  "professional.blocked": ["Professionnel bloqué", "Professional blocked"],
  "professional.unblocked": ["Professionnel débloqué", "Professional unblocked"],
};
const MOST_EVENTS = 100;
const $ = (id) => document.getElementById(id);

let language = "fr";
let people = [];
let chosen = "doctor";
let live = null;

function say(to) {
  language = to;
  document.documentElement.lang = to;
  document.title = WORDS[to].title;
  for (const element of document.querySelectorAll("[data-en]")) {
    element.dataset.fr ??= element.textContent;
    element.textContent = element.dataset[to];
  }
  const button = $("language");
  button.textContent = WORDS[to].other;
  button.lang = to === "fr" ? "en" : "fr";
  button.setAttribute("aria-label", WORDS[to].switch);
  document.querySelector(".stream").setAttribute("aria-label", WORDS[to].events);
  for (const row of $("events").rows) row.cells[2].replaceChildren(factOf(row.dataset.type));
  showLive();
  showPeople();
  refresh();
}

function factOf(type) {
  const [, , noun, past] = type.split(".");
  const known = FACTS[`${noun}.${past}`];
  if (known) return document.createTextNode(known[language === "fr" ? 0 : 1]);
  const code = document.createElement("code");
  code.textContent = type;
  return code;
}

function showState(name, status) {
  const state = status === "serving" ? "serving" : "away";
  for (const element of document.querySelectorAll(`[data-service="${CSS.escape(name)}"]`)) {
    element.dataset.state = state;
    const word = element.querySelector(".state");
    // On a pillar there is room for the light only: the word is for the pointer and for screen readers.
    if (element.matches("li")) { word.title = WORDS[language][state]; word.setAttribute("role", "img"); word.setAttribute("aria-label", WORDS[language][state]); }
    else word.textContent = WORDS[language][state];
  }
}

async function refresh() {
  try {
    const answer = await fetch("/v1/status");
    const status = await answer.json();
    for (const service of status.services) showState(service.name, service.status);
    showState("events", status.events);
    $("version").textContent = `version ${status.version}`;
    $("profile").textContent = status.profile;
    $("profile").hidden = false;
  } catch {
    for (const name of ["gateway", "identity-ins", "dmp", "eprescription", "events"]) showState(name, "away");
  }
}

function showLive() {
  if (live === null) return;
  $("live-state").classList.toggle("on", live);
  $("live-state").textContent = WORDS[language][live ? "on" : "off"];
}

function showEvent(event) {
  const service = event.type.split(".")[1];
  const row = $("events").insertRow(0);
  row.dataset.type = event.type;
  row.title = event.type;
  row.className = "fresh";
  row.insertCell().textContent = new Date(event.time).toLocaleTimeString("fr-FR");
  const tag = document.createElement("span");
  tag.className = `tag ${service}`;
  tag.textContent = service.replaceAll("_", "-");
  row.insertCell().append(tag);
  row.insertCell().append(factOf(event.type));
  const position = row.insertCell();
  position.className = "number";
  position.textContent = event.position;
  if ($("events").rows.length > MOST_EVENTS) $("events").deleteRow(-1);
  $("no-event").hidden = true;
}

function listen() {
  const seen = new Set();
  new Worker("/web/feed.js").onmessage = ({ data }) => {
    if ("live" in data) { live = data.live; showLive(); return; }
    // After a reconnection the recent ones come again.
    if (seen.has(data.event.id)) return;
    seen.add(data.event.id);
    showEvent(data.event);
  };
}

function commandFor(person) {
  const base = location.origin;
  const token = `-H "Authorization: Bearer $(make -s token PERSONA=${person.name})"`;
  const post = (path, body) => `curl -s ${base}${path} \\\n  ${token} \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
  if (person.realm === "citoyen") return `curl -s ${base}/fhir/Patient \\\n  ${token}`;
  if (person.name.endsWith("pharmacist")) return `curl -s "${base}/v1/medicines?text=paracetmol" \\\n  ${token}`;
  if (["ops", "auditor"].includes(person.name)) return `make token PERSONA=${person.name}`;
  if (["secretary", "integrator", "doctor"].includes(person.name)) {
    return post("/v1/identities", '{"traits": {"birth_name": "PAT-TROIS", "birth_first_names": ["DOMINIQUE"],\n       "sex": "female", "birth_date": "1979-03-28", "birth_place": "51215"}}');
  }
  return post("/v1/insi/search", '{"birth_name": "PAT-TROIS", "first_name": "DOMINIQUE",\n       "sex": "female", "birth_date": "1979-03-28"}');
}

function showPeople() {
  $("people").replaceChildren(...people.map(card));
  const person = people.find((one) => one.name === chosen) ?? people[0];
  if (!person) return;
  $("command").hidden = false;
  $("command-title").textContent = person[`title_${language}`];
  $("curl").textContent = commandFor(person);
}

function card(person) {
  const label = document.createElement("label");
  label.className = "person";
  const choice = document.createElement("input");
  Object.assign(choice, { type: "radio", name: "persona", value: person.name, checked: person.name === chosen });
  choice.addEventListener("change", () => { chosen = person.name; showPeople(); document.querySelector(`input[value="${CSS.escape(chosen)}"]`).focus(); });
  label.append(choice, part("b", person[`title_${language}`]), part("span", person[`summary_${language}`]), part("code", person.name));
  return label;
}

function part(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

async function meet() {
  try {
    people = await (await fetch("/v1/personas")).json();
  } catch {
    people = [];
  }
  $("no-person").hidden = people.length > 0;
  showPeople();
}

async function copy() {
  await navigator.clipboard.writeText($("curl").textContent);
  $("copy").textContent = WORDS[language].copied;
  setTimeout(() => { $("copy").textContent = WORDS[language].copy; }, 1600);
}

$("language").addEventListener("click", () => say(language === "fr" ? "en" : "fr"));
$("copy").addEventListener("click", copy);
refresh();
setInterval(refresh, 5000);
meet();
listen();
if (new URLSearchParams(location.search).get("lang") === "en") say("en");
