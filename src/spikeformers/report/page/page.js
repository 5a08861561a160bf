// Tables can be sorted by their columns; without this everything is there in the order it was measured.
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, heads, column));
  });
}

function sort(table, heads, column) {
  const down = heads[column].ariaSort === "ascending" || (heads[column].ariaSort === null && numeric(heads[column]));
  const sign = down ? -1 : 1;
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  rows.sort((one, other) => sign * compare(one.cells[column], other.cells[column]));
  table.tBodies[0].append(...rows);
}

function numeric(cell) {
  return cell.classList.contains("number");
}

function compare(one, other) {
  if ("value" in one.dataset && "value" in other.dataset) return one.dataset.value - other.dataset.value;
  return one.textContent.localeCompare(other.textContent, undefined, { numeric: true });
}
