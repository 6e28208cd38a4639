// Before the page is drawn: light or dark as chosen earlier, else as the system has it.

function remember(theme) {
  try {
    localStorage.setItem("theme", theme);
  } catch {} // a page that was opened from a file may have no storage
}

function remembered() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

const system = matchMedia("(prefers-color-scheme: dark)");
const shown = () => document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light");
const other = () => (shown() === "dark" ? "light" : "dark");

if (["light", "dark"].includes(remembered())) document.documentElement.dataset.theme = remembered();

document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const name = () => (button.textContent = other() === "dark" ? "Dark" : "Light");
  button.hidden = false;
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = other();
    remember(shown());
    name();
  });
  system.addEventListener("change", name);
  name();
});

// A link into a solution opens it.
function openAround() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let at = target; at; at = at.parentElement) if (at.matches("details")) at.open = true;
}
addEventListener("hashchange", openAround);
addEventListener("DOMContentLoaded", openAround);

// A formula within a line that is wider than the page gets lines of its own, where it can scroll.
function markWide() {
  const room = document.getElementById("text").clientWidth - 32; // the padding on both sides
  for (const formula of document.querySelectorAll(".math:not(.display)")) {
    const drawn = formula.querySelector("svg");
    formula.classList.toggle("wide", drawn !== null && drawn.getBoundingClientRect().width > room);
  }
}
addEventListener("resize", markWide);
document.addEventListener("toggle", markWide, true); // what was folded had no width

window.MathJax = {
  tex: { inlineMath: [["\\(", "\\)"]], displayMath: [["\\[", "\\]"]], processEscapes: false },
  svg: { scale: 0.92, mtextInheritFont: true },
  options: { processHtmlClass: "math", enableMenu: false }, // its menu would load more files
  startup: { pageReady: () => MathJax.startup.defaultPageReady().then(markWide) },
};
