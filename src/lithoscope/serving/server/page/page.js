// The page asks who answers, a server or this device, and no other host. Every text from a file or an answer goes in as
// text, never as markup; the model card alone is markup, which our own code has made of it.

import { ask, giveToken, meetModel, Refused, TokenWanted } from "./answerer.js";
import { offerLook } from "./looked.js";
import { ofPage, ofSpecimen, percent, quoted, sentence } from "./texts.js";

const byId = (id) => document.getElementById(id);
const KINDS = {
  name: "Its name", set: "One of these", coarser: "Its kind, no closer", none: "Not something it knows", unreadable: "Could not be read",
};
const SHOWN_BARS = 5;
const ASKED_AT_ONCE = 8;
let model = null;
let photographs = [];

function say(text, problem = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("problem", problem);
}

/** Say what went wrong; mistakes in this page go on to the browser's own log. */
function tell(error) {
  if (!(error instanceof Refused)) console.error(error);
  say(error.message, Boolean(error.message));
}

/** Groups of files that fit into one request each. */
function* groups(files) {
  let group = [];
  let bytes = 0;
  for (const file of files) {
    const most = Math.min(model.pages === "each" ? 1 : ASKED_AT_ONCE, model.limits.files); // pages count as files
    if (group.length && (group.length >= most || bytes + file.size > 0.95 * model.limits.bytes)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(file);
    bytes += file.size;
  }
  if (group.length) yield group;
}

async function take(files) {
  const chosen = [...files].filter((file) => !file.name.startsWith("."));
  if (!chosen.length) return;
  if (!model && !(await meet())) return;
  const together = byId("specimen").checked && chosen.length > 1;
  if (together && chosen.length > model.limits.files) {
    say(`One specimen takes at most ${model.limits.files} photographs.`, true);
    return;
  }
  const bar = byId("progress");
  bar.max = chosen.length;
  bar.value = 0;
  bar.hidden = chosen.length < 2;
  say(chosen.length === 1 ? "Looking …" : `Looking at ${chosen.length} photographs …`);
  let failed = 0;
  const before = byId("answers").firstChild; // the newest stand first, each time in their own order
  for (const group of together ? [chosen] : groups(chosen)) {
    try {
      const content = await ask(group, asked(together));
      // A specimen's card stands for those that could be read, so that it can show what it looked at in each of them.
      const partsOf = (rows) => rows.map(({ file, page }) => ({ file: group[file], page }));
      const read = content.predictions.filter((row) => !row.problem);
      if (together && content.specimen) add(partsOf(read), content.specimen, true, before);
      for (const row of content.predictions) {
        if (!together || row.problem || !content.specimen) add(partsOf([row]), row, false, before);
      }
    } catch (error) {
      failed += group.length;
      tell(error);
    }
    bar.value += group.length;
  }
  bar.hidden = true;
  if (!failed) say(chosen.length === 1 ? "Done." : `Done: ${chosen.length} photographs.`);
}

/** What is asked for besides the answer. */
function asked(specimen) {
  return { ...(specimen ? { specimen: "true" } : {}), ...(model.shows_training ? { nearest: "true" } : {}) };
}

function kindOf(row) {
  if (row.problem) return "unreadable";
  return row.answer || "name";
}

function words(row) {
  if (row.problem) return "No answer";
  return row.named || row.label;
}

/** Take up an answer. Its parts are what it was given for: a file and the page in it, or those of a specimen. */
function add(parts, row, specimen, before) {
  const entry = { parts, row, specimen, found: {}, card: null, line: null };
  photographs.push(entry);
  draw(entry, before);
  list(entry);
}

function draw(entry, before = null) {
  const { row, parts } = entry;
  const card = byId("answer-template").content.cloneNode(true).querySelector("article");
  card.dataset.kind = kindOf(row);
  card.querySelector(".kind").textContent = KINDS[kindOf(row)] || "";
  card.querySelector("h3").textContent = words(row);
  card.querySelector(".why").textContent = row.problem ? sentence(row.problem) : reason(row);
  card.querySelector(".name").textContent = entry.specimen ? ofSpecimen(row.photographs) : ofPage(parts[0].file.name, parts[0].page);
  const notes = card.querySelector(".notes");
  notes.textContent = (row.notes || []).map(sentence).join(" ");
  notes.hidden = !notes.textContent;
  picture(card.querySelector(".picture"), parts[0], entry);
  bars(card.querySelector(".bars"), row);
  nextTest(card.querySelector(".test"), entry);
  nearest(card.querySelector(".nearest"), row.nearest || []);
  offerLook(card, entry, say, tell);
  card.classList.toggle("pictureless", parts[0].page > 1); // browsers show the first
  if (entry.card) entry.card.replaceWith(card);
  else byId("answers").insertBefore(card, before);
  entry.card = card;
}

function reason(row) {
  const sure = typeof row.sure === "number" ? `${percent(row.sure)} sure` : row.label && !row.answer ? `${percent(row.confidence)} sure` : "";
  return [sure, row.why].filter(Boolean).map(sentence).join(" ");
}

function picture(image, { file }, entry) {
  entry.url ||= URL.createObjectURL(file);
  image.alt = entry.specimen ? `The first photograph, ${file.name}` : `Your photograph ${file.name}`;
  // Most browsers cannot show HEIC; the server reads it all the same.
  image.addEventListener("error", () => entry.card.classList.add("pictureless"));
  image.src = entry.url;
}

function bars(list, row) {
  const sorted = Object.entries(row.probabilities || {}).sort((one, other) => other[1] - one[1]).slice(0, SHOWN_BARS);
  list.hidden = !sorted.length;
  for (const [name, share] of sorted) {
    const item = document.createElement("li");
    const label = document.createElement("span");
    label.className = "label";
    label.textContent = name;
    const meter = document.createElement("meter");
    meter.value = share;
    meter.setAttribute("aria-label", name);
    const number = document.createElement("span");
    number.className = "share";
    number.textContent = percent(share);
    item.append(label, meter, number);
    list.append(item);
  }
}

/** The nearest training photographs, where the server shows them. */
function nearest(block, found) {
  block.hidden = !found.length;
  for (const { label, picture: address } of found) {
    const item = document.createElement("li");
    const image = document.createElement("img");
    image.src = address;
    image.alt = "";
    item.append(image, label);
    block.querySelector("ul").append(item);
  }
}

/** The field test that would settle most; a tap on its outcome asks again with it. */
function nextTest(block, entry) {
  const test = entry.row.next_test;
  const done = Object.entries(entry.found).map(([name, value]) => `${name}: ${value}`);
  const outcomes = (model.field_tests || {})[test] || [];
  block.hidden = !outcomes.length && !done.length;
  if (block.hidden) return;
  const asked = outcomes.length ? `The test that would settle most: ${test}.` : "";
  block.querySelector("p").textContent = [done.length ? `Counted in: ${done.join(", ")}.` : "", asked].filter(Boolean).join(" ");
  for (const { value, label } of outcomes) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => again(entry, { ...entry.found, [test]: value }));
    block.querySelector(".buttons").append(button);
  }
}

async function again(entry, found) {
  say("Looking again …");
  try {
    const files = [...new Set(entry.parts.map(({ file }) => file))];
    const content = await ask(files, { ...found, ...asked(entry.specimen) });
    entry.found = found;
    entry.row = entry.specimen ? content.specimen : content.predictions[entry.parts[0].page - 1];
    draw(entry);
    list(entry);
    say(`Now: ${words(entry.row)}.`);
    entry.card.querySelector("h3").tabIndex = -1;
    entry.card.querySelector("h3").focus();
  } catch (error) {
    tell(error);
  }
}

function cells(entry) {
  const { row } = entry;
  const shown = ({ file, page }) => ofPage((!entry.specimen && file.webkitRelativePath) || file.name, page);
  const name = entry.parts.map(shown).join(", ");
  const confidence = typeof row.confidence === "number" ? row.confidence.toFixed(3) : "";
  return [name, words(row), row.label || "", confidence, row.problem || row.why || ""];
}

/** Write an entry's line of the table, a new one at its end. */
function list(entry) {
  byId("whole").hidden = photographs.length < 2;
  const line = document.createElement("tr");
  cells(entry).forEach((text, place) => {
    const cell = document.createElement(place ? "td" : "th");
    if (!place) cell.scope = "row";
    if (place === 3) cell.className = "num";
    cell.textContent = text;
    line.append(cell);
  });
  if (entry.line) entry.line.replaceWith(line);
  else byId("rows").append(line);
  entry.line = line;
}

function download() {
  const head = ["photograph", "answer", "most_probable", "confidence", "why"];
  const lines = [head, ...photographs.map(cells)].map((line) => line.map(quoted).join(","));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`\ufeff${lines.join("\r\n")}\r\n`], { type: "text/csv" }));
  link.download = "lithoscope.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

function clear() {
  photographs.forEach((entry) => URL.revokeObjectURL(entry.url));
  photographs = [];
  byId("answers").replaceChildren();
  byId("rows").replaceChildren();
  byId("whole").hidden = true;
  say("");
}

function fact(name, text) {
  if (!text) return;
  const term = document.createElement("dt");
  const value = document.createElement("dd");
  term.textContent = name;
  value.textContent = text;
  byId("facts").append(term, value);
}

/** Ask what the model is; false where a token is missing. */
async function meet() {
  try {
    model = await meetModel();
  } catch (error) {
    const wanted = error instanceof TokenWanted;
    byId("enter").hidden = !wanted;
    if (wanted) {
      byId("about").textContent = "";
      byId("token").focus();
    }
    tell(error);
    return false;
  }
  byId("enter").hidden = true;
  byId("about").textContent = `It tells ${model.classes.length} kinds apart: ${model.classes.join(", ")}.`;
  byId("synthetic").hidden = !model.synthetic;
  byId("facts").replaceChildren();
  for (const [name, text] of Object.entries(model.card || {})) fact(name, String(text));
  byId("card").hidden = !byId("facts").children.length;
  const whole = new DOMParser().parseFromString(model.card_html || "", "text/html").body;
  byId("whole-card").hidden = !whole.childNodes.length;
  byId("whole-card").querySelector("div").replaceChildren(...whole.childNodes);
  return true;
}

for (const button of document.querySelectorAll("[data-opens]")) {
  const input = byId(button.dataset.opens);
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", async () => {
    await take(input.files);
    input.value = "";
  });
}
const drop = byId("drop");
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => take(event.clipboardData.files));
byId("csv").addEventListener("click", download);
byId("clear").addEventListener("click", clear);
byId("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  giveToken(byId("token").value);
  meet();
});
meet();
