// Steps through doubtful labels and saves a corrected table. Every text from the set goes in as text, never as markup.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const chosen = data.labels.map((one) => one.label);
let place = 0;

function percent(share) {
  return `${(100 * share).toFixed(0)} %`;
}

function choose(name) {
  chosen[place] = name;
  show();
}

function choiceButton(key, name, share) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", String(chosen[place] === name));
  button.textContent = `${key}: ${key === 0 ? "keep " : ""}${name}, ${percent(share)}`;
  button.addEventListener("click", () => choose(name));
  return button;
}

function show() {
  const one = data.labels[place];
  if (!one) {
    byId("place").textContent = "No label is doubtful.";
    return;
  }
  byId("picture").src = `data:image/jpeg;base64,${one.picture}`;
  byId("picture").alt = `${one.file}, labelled ${one.label}`;
  byId("place").textContent = `${place + 1} of ${data.labels.length}`;
  byId("file").textContent = one.file;
  byId("choices").replaceChildren(
    choiceButton(0, one.label, one.own), ...one.suggested.map(([name, share], number) => choiceButton(number + 1, name, share)));
  byId("other").value = chosen[place];
  const count = data.labels.filter((each, number) => chosen[number] !== each.label).length;
  byId("changed").textContent = `${count} changed`;
}

function step(by) {
  place = Math.min(Math.max(place + by, 0), Math.max(data.labels.length - 1, 0));
  show();
}

function cell(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function table() {
  const changed = new Map(data.labels.map((one, number) => [one.file, chosen[number]]));
  const rows = data.every.map(([file, label]) => `${cell(file)},${cell(changed.get(file) ?? label)}`);
  return ["file,label", ...rows].join("\n") + "\n";
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
  link.download = "labels.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

for (const name of data.classes) byId("other").append(new Option(name, name));
byId("other").addEventListener("change", (event) => choose(event.target.value));
byId("before").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("save").addEventListener("click", save);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  const one = data.labels[place];
  if (event.key === "ArrowRight") step(1);
  else if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "d") save();
  else if (one && event.key === "0") choose(one.label);
  else if (one && one.suggested[Number(event.key) - 1]) choose(one.suggested[Number(event.key) - 1][0]);
  else return;
  event.preventDefault();
});
show();
