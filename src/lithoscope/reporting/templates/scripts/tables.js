// Tables that sort: a button in each heading, the state in aria-sort.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  const collator = new Intl.Collator("en", { numeric: true });
  headings.forEach((heading, column) => heading.querySelector("button")?.addEventListener("click", (event) => {
    const numeric = event.currentTarget.dataset.sort === "number";
    const before = heading.getAttribute("aria-sort");
    // Figures are first shown from the largest, names from A.
    const order = before === "none" ? (numeric ? "descending" : "ascending") : before === "ascending" ? "descending" : "ascending";
    const sign = order === "ascending" ? 1 : -1;
    const value = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
    const compare = numeric ? (a, b) => Number(value(a)) - Number(value(b)) : (a, b) => collator.compare(value(a), value(b));
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort((a, b) => sign * compare(a, b)));
    headings.forEach((other) => other.hasAttribute("aria-sort") && other.setAttribute("aria-sort", other === heading ? order : "none"));
  }));
}
