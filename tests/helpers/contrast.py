"""Contrast of texts with their ground in a page: Web Content Accessibility Guidelines 2.2, success criterion 1.4.3."""

CONTRAST = """() => {
  // Any CSS colour as red, green, blue (0 … 255) and opacity (0 … 1), by painting it.
  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (colour) => {
    if (!known.has(colour)) {
      pen.clearRect(0, 0, 1, 1);
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
      known.set(colour, [r, g, b, a / 255]);
    }
    return known.get(colour);
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const ground = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const layer = rgba(getComputedStyle(one).backgroundColor);
      layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255, 1]);
  };
  const light = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * light(r / 255) + 0.7152 * light(g / 255) + 0.0722 * light(b / 255);
  const faint = [];
  let texts = 0;
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].filter((node) => node.nodeType === 3 && node.textContent.trim());
    const style = getComputedStyle(element);
    const unseen = element.closest("dialog, .unseen, .skip, script, style, title") || style.visibility === "hidden";
    if (!own.length || unseen) continue;
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    texts += 1;
    const under = ground(element);
    const ink = over(rgba(element.closest("svg") ? style.fill : style.color), under);
    const [high, low] = [luminance(ink), luminance(under)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) {
      const where = `${element.tagName}.${element.getAttribute("class")}`;
      faint.push(`${ratio.toFixed(2)} ${where} ${own[0].textContent.trim().slice(0, 30)}`);
    }
  }
  return { texts, faint };
}"""
