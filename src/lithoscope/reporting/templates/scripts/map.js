// The map of the embedding: press a class to see it alone, press it again to see all.
const legend = document.querySelector(".legend");
if (legend) {
  const buttons = [...legend.querySelectorAll("button")];
  const maps = [...document.querySelectorAll("svg.map")];
  legend.addEventListener("click", (event) => {
    const pressed = event.target.closest("button");
    if (!pressed) return;
    const on = pressed.getAttribute("aria-pressed") !== "true";
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(on && button === pressed)));
    for (const map of maps) {
      map.classList.toggle("chosen", on);
      map.querySelectorAll("g").forEach((group) => group.classList.toggle("here", group.classList.contains(pressed.dataset.class)));
    }
  });
}
