// A link to a folded section, or into a solution, opens it.
function openAround() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const section = target?.closest("section");
  section?.querySelector(":scope > details.deeper")?.setAttribute("open", "");
  for (let at = target; at; at = at.parentElement) if (at.matches("details")) at.open = true;
  if (target) target.scrollIntoView();
}
addEventListener("hashchange", openAround);
openAround();

// A formula within a line that is wider than the text gets lines of its own, where it can scroll.
function markWide() {
  const room = document.querySelector("article").clientWidth;
  for (const formula of document.querySelectorAll("span.math")) {
    const drawn = formula.querySelector("svg");
    formula.classList.toggle("wide", drawn !== null && drawn.getBoundingClientRect().width > room);
  }
}
addEventListener("load", () => window.MathJax?.startup.promise.then(markWide));
addEventListener("resize", markWide);
document.addEventListener("toggle", markWide, true); // what was folded had no width

// The table of all claims shows the rows that hold every word which is typed above it.
for (const table of document.querySelectorAll(".ledger table")) {
  const field = Object.assign(document.createElement("input"), { type: "search", className: "sift" });
  field.placeholder = "Show only claims with these words";
  field.setAttribute("aria-label", field.placeholder);
  const left = document.createElement("p");
  left.setAttribute("role", "status");
  const rows = [...table.tBodies[0].rows];
  const sift = () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    left.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} claims`;
  };
  field.addEventListener("input", sift);
  (table.closest(".table-wrapper") ?? table).before(field, left);
  sift();
}
