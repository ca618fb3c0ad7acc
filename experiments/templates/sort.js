"use strict";
// A click on a column's name sorts its table: numbers from the largest, then from the smallest; text from A.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement;
    const table = head.closest("table");
    const body = table.tBodies[0];
    const column = head.cellIndex;
    const rows = [...body.rows];
    const numbers = rows.some((row) => row.cells[column].dataset.key);
    const before = head.getAttribute("aria-sort");
    const rising = before ? before === "descending" : !numbers;
    const value = (row) => {
      const cell = row.cells[column];
      if (!numbers) return cell.textContent;
      return cell.dataset.key === "-inf" ? -Infinity : Number(cell.dataset.key);
    };
    const order = (a, b) => (numbers ? value(a) - value(b) || 0 : value(a).localeCompare(value(b)));
    rows.sort((a, b) => (rising ? order(a, b) : order(b, a)));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    body.append(...rows);
  });
}
