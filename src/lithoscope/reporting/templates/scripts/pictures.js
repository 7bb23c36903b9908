// Pictures that enlarge. The dialog element closes on Escape and gives the focus back by itself.
const viewer = document.getElementById("viewer");
const pictures = [...document.querySelectorAll("[data-enlarge]")];
let shown = 0;
const show = (index) => {
  shown = (index + pictures.length) % pictures.length;
  const copies = [...pictures[shown].querySelectorAll("img")].map((picture) => picture.cloneNode());
  viewer.querySelector(".viewer-pictures").replaceChildren(...copies);
  const more = pictures[shown].parentElement.querySelector(":scope > .more");
  viewer.querySelector(".viewer-text").replaceChildren(...(more ? more.cloneNode(true).childNodes : []));
};
pictures.forEach((button, index) => button.addEventListener("click", () => { show(index); viewer.showModal(); }));
viewer.addEventListener("click", (event) => {
  const step = event.target.dataset.step;
  if (step) show(shown + Number(step));
  else if (event.target === viewer || event.target.hasAttribute("data-close")) viewer.close();
});
viewer.addEventListener("close", () => pictures[shown].focus());
viewer.addEventListener("keydown", (event) => {
  if (event.key === "ArrowRight") show(shown + 1);
  if (event.key === "ArrowLeft") show(shown - 1);
});
