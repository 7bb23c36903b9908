// What the model looked at, laid over the photograph as the network sees it: as the report's maps, from dark to light.

import { look } from "./answerer.js";
import { ofPage, percent } from "./texts.js";

const COLOURS = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]]; // of matplotlib's inferno
const STRENGTH = 0.75; // how much of the photograph the strongest evidence covers
const FAINT = Math.log(1 / 0.99); // what makes a class less than a hundredth less probable does not get the lightest colour

/**
 * Offer below an answer what the model looked at; it is found out when it is asked for the first time.
 * @param {HTMLElement} card of the answer
 * @param {{parts: {file: File, page: number}[], row: object}} entry
 * @param {function(string)} say
 * @param {function(Error)} tell
 */
export function offerLook(card, { parts, row }, say, tell) {
  const [button, block] = [card.querySelector(".look"), card.querySelector(".looked")];
  button.hidden = Boolean(row.problem);
  button.addEventListener("click", async () => {
    if (button.hasAttribute("aria-disabled")) return; // under way
    if (!block.childElementCount) {
      button.setAttribute("aria-disabled", "true");
      say("Covering one part of the photograph after the other …");
      try {
        const figures = [];
        for (const { file, page } of parts) {
          figures.push(figure(ofPage(file.name, page), await look(file, row.label, page), parts.length > 1));
        }
        block.replaceChildren(...figures);
        say("Done.");
      } catch (error) {
        tell(error);
      }
      button.removeAttribute("aria-disabled");
    }
    block.hidden = !block.childElementCount || button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!block.hidden));
  });
}

function figure(name, seen, named) {
  const drawn = document.getElementById("looked-template").content.cloneNode(true).querySelector("figure");
  const canvas = drawn.querySelector("canvas");
  draw(canvas, seen.picture, seen.evidence);
  canvas.setAttribute("aria-label", `${name} in grey, coloured where the evidence for ${seen.label} lies`);
  const falls = seen.lowest < seen.confidence ? `falls to ${percent(seen.lowest)} at most` : "falls nowhere";
  drawn.querySelector("figcaption").textContent = [
    named ? `${name}.` : "",
    `Coloured, from violet to yellow: where ${seen.label} becomes less probable when that part is covered.`,
    `${percent(seen.confidence)} ${falls}. That says where, not why (${seen.method}, ${seen.source}).`,
  ].filter(Boolean).join(" ");
  return drawn;
}

/**
 * Draw evidence over a photograph, which turns grey.
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasImageSource} picture as the network sees it, a square
 * @param {number[][]} evidence of each part, row by row; what is below 0 stays grey
 */
function draw(canvas, picture, evidence) {
  const side = picture.naturalWidth || picture.width;
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const image = context.getImageData(0, 0, side, side);
  const strongest = Math.max(FAINT, ...evidence.flat());
  const at = between(evidence, side);
  for (let place = 0; place < side * side; place++) {
    const share = Math.max(at(place % side, Math.floor(place / side)), 0) / strongest;
    const [red, green, blue] = image.data.subarray(4 * place, 4 * place + 3);
    const grey = 0.299 * red + 0.587 * green + 0.114 * blue;
    colour(share).forEach((value, channel) => {
      image.data[4 * place + channel] = grey * (1 - STRENGTH * share) + value * STRENGTH * share;
    });
  }
  context.putImageData(image, 0, 0);
}

/** The evidence at a pixel, between the middles of the parts. */
function between(evidence, side) {
  const last = evidence.length - 1;
  const places = Array.from({ length: side }, (_, pixel) => {
    const part = Math.min(Math.max(((pixel + 0.5) * evidence.length) / side - 0.5, 0), last);
    const low = Math.min(Math.floor(part), last - 1);
    return [low, part - low];
  });
  return (x, y) => {
    const [[column, right], [row, down]] = [places[x], places[y]];
    const along = (values) => values[column] * (1 - right) + values[column + 1] * right;
    return along(evidence[row]) * (1 - down) + along(evidence[row + 1]) * down;
  };
}

function colour(share) {
  const place = Math.min(share, 1) * (COLOURS.length - 1);
  const low = Math.min(Math.floor(place), COLOURS.length - 2);
  return COLOURS[low].map((value, channel) => value + (COLOURS[low + 1][channel] - value) * (place - low));
}
