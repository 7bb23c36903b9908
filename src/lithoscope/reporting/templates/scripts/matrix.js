// The confusion matrix says each cell in words; one stop for the Tab key, then the arrow keys.
const matrix = document.querySelector("table.matrix");
if (matrix) {
  const names = [...matrix.querySelectorAll("thead th[scope=col]")].map((heading) => heading.textContent);
  const rows = [...matrix.tBodies[0].rows].map((row) => [...row.querySelectorAll("td")]);
  const line = document.querySelector(".matrix-line");
  const totals = rows.map((row) => row.reduce((sum, cell) => sum + Number(cell.textContent), 0));
  let [y, x] = [0, 0];
  const select = (newY, newX, focus) => {
    rows[y][x].tabIndex = -1;
    rows[y][x].classList.remove("here");
    y = Math.max(0, Math.min(rows.length - 1, newY));
    x = Math.max(0, Math.min(rows.length - 1, newX));
    rows[y][x].tabIndex = 0;
    rows[y][x].classList.add("here");
    if (focus) rows[y][x].focus();
    const count = Number(rows[y][x].textContent);
    line.textContent = `${names[y]}: ${count} of ${totals[y]} called ${y === x ? "so, rightly" : names[x]}`;
  };
  rows[0][0].tabIndex = 0;
  const place = (target) => {
    const cell = target.closest("tbody td");
    return cell && [cell.parentElement.sectionRowIndex, cell.cellIndex - 1];
  };
  for (const kind of ["pointerover", "click", "focusin"]) {
    matrix.addEventListener(kind, (event) => { const at = place(event.target); if (at) select(...at, false); });
  }
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  matrix.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    select(y + move[0], x + move[1], true);
  });
}
