// Where the reader is, in the navigation; on a phone it is a bar with a button that opens it.
const rail = document.querySelector(".rail");
const menu = rail.querySelector(".menu");
const links = new Map([...rail.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
const open = (state) => { menu.setAttribute("aria-expanded", String(state)); rail.classList.toggle("open", state); };
menu.addEventListener("click", () => open(menu.getAttribute("aria-expanded") !== "true"));
rail.addEventListener("click", (event) => { if (event.target.closest("a")) open(false); });
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !rail.classList.contains("open")) return;
  open(false);
  menu.focus();
});
document.addEventListener("click", (event) => { if (!rail.contains(event.target)) open(false); });
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const link = links.get(entry.target.id);
    if (!entry.isIntersecting || !link) continue;
    links.forEach((other) => other.removeAttribute("aria-current"));
    link.setAttribute("aria-current", "true");
    menu.querySelector(".here-name").textContent = link.textContent;
    // By hand: scrollIntoView would make the Tab key go on from the link.
    const [top, bottom] = [link.offsetTop - 40, link.offsetTop + link.offsetHeight + 40];
    if (top < rail.scrollTop) rail.scrollTop = top;
    else if (bottom > rail.scrollTop + rail.clientHeight) rail.scrollTop = bottom - rail.clientHeight;
  }
}, { rootMargin: "-10% 0px -80% 0px" });
document.querySelectorAll("main > [id]").forEach((part) => watcher.observe(part));
