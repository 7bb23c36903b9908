// From a file to the square of pixels that the network takes: the same numbers as lithoscope.data.images in Python with
// Pillow 13, bit for bit. How a browser gives Pillow's pixels: docs/field.md.

import { conversion, roundHalfEven } from "./colour.js";
import { describe, Unreadable } from "./container.js";

const TOLERANCE = 20; // as square.py
const SPECKS = 0.005;
const LEAST_SIDE = 16;
const MIN_SIDE = 32; // as reading.py
const MAX_WIDTH = 16384; // some browsers draw nothing, without a word, on wider canvases
const STRIP = 1 << 22; // pixels drawn at once: some browsers allow no canvas of a whole photograph
const BITS = 22; // of the fixed point in Pillow's resampling
// EXIF's orientations as [transposed, mirrored, upside down], of the upright picture.
const TURNS = {
  2: [false, true, false], 3: [false, true, true], 4: [false, false, true],
  5: [true, false, false], 6: [true, true, false], 7: [true, true, true], 8: [true, false, true],
};

/** @typedef {{width: number, height: number, data: Uint8ClampedArray}} Picture RGBA, opaque */

/**
 * Read a file and frame it.
 * @param {Blob} blob the file
 * @param {{image_size: number, crop_border: boolean, max_megapixels: number, codes: object}} settings
 * @returns {Promise<Uint8Array>} image_size × image_size × 3, RGB
 */
export async function framed(blob, settings) {
  return toSquare(await read(blob, settings), settings.image_size, settings.crop_border);
}

/**
 * Decode a file to an upright picture in sRGB on white.
 * @param {Blob} blob the file
 * @param {{max_megapixels: number, codes: object, probes: object}} settings the most pixels that are decoded; as
 *   describe's; files to try this browser with, and Python's pixels of them
 * @returns {Promise<Picture>}
 */
export async function read(blob, { max_megapixels: megapixels, codes, probes }) {
  const about = await describe(new Uint8Array(await blob.arrayBuffer()), codes);
  const convert = conversion(about.profile, about);
  if (about.kind === "AVIF" && !(await isAsInPython("AVIF", probes))) {
    throw new Unreadable("an AVIF, of which this browser makes other pixels than lithoscope predict");
  }
  const opaque = !(await isAsInPython("transparent", probes));
  let bitmap;
  try {
    bitmap = await decoded(about.plain);
  } catch {
    throw new Unreadable("truncated or damaged, or of a kind that this browser does not read");
  }
  try {
    checkSize(bitmap.width, bitmap.height, megapixels);
    return upright(pixelsOf(bitmap, convert, opaque), about.orientation);
  } finally {
    bitmap.close();
  }
}

const decoded = (bytes) => createImageBitmap(new Blob([bytes]), { colorSpaceConversion: "none", premultiplyAlpha: "none" });

const tried = {};

/** Whether this browser gives Python's pixels of a kind of file; it is tried once. Firefox decodes AVIF, and mixes transparent parts, otherwise. */
function isAsInPython(name, probes) {
  tried[name] ||= (async () => {
    const [file, pixels] = [probes[name].file, probes[name].pixels].map((text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
    const { data } = pixelsOf(await decoded(file), null, false);
    return pixels.every((value, place) => value === data[4 * Math.floor(place / 3) + (place % 3)]);
  })().catch(() => false);
  return tried[name];
}

function checkSize(width, height, megapixels) {
  if (width * height > megapixels * 1e6) throw new Unreadable(`${width} by ${height} px, above ${megapixels} megapixels`);
  if (width > MAX_WIDTH) throw new Unreadable(`${width} px wide, and browsers draw at most ${MAX_WIDTH}: lithoscope predict reads it`);
  if (Math.min(width, height) < MIN_SIDE) throw new Unreadable(`${width} by ${height} px, smaller than ${MIN_SIDE} px`);
}

/** Pixels on white, converted; where only opaque ones are wanted, others are refused. */
function pixelsOf(bitmap, convert, opaque) {
  const { width, height } = bitmap;
  const rows = Math.max(1, Math.min(height, Math.floor(STRIP / width)));
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = rows;
  const context = canvas.getContext("2d", { colorSpace: "srgb", willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  const data = new Uint8ClampedArray(4 * width * height);
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    if (convert || opaque) { // where transparent parts show through, colours would have to be converted before they are mixed
      context.clearRect(0, 0, width, rows);
      context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
      if (isTransparent(context.getImageData(0, 0, width, count).data)) {
        const why = convert ? "with a colour profile, which is not converted here" : "which this browser mixes otherwise";
        throw new Unreadable(`transparent, ${why}: lithoscope predict reads it`);
      }
    }
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
    const strip = context.getImageData(0, 0, width, count).data;
    if (convert) convert(strip);
    data.set(strip, 4 * width * top);
  }
  return { width, height, data };
}

function isTransparent(data) {
  for (let place = 3; place < data.length; place += 4) if (data[place] !== 255) return true;
  return false;
}

function upright(picture, orientation) {
  const turn = TURNS[orientation];
  if (!turn) return picture;
  const [transposed, mirrored, upsideDown] = turn;
  const from = new Uint32Array(picture.data.buffer);
  const [width, height] = transposed ? [picture.height, picture.width] : [picture.width, picture.height];
  const to = new Uint32Array(from.length);
  for (let y = 0; y < height; y++) {
    const row = upsideDown ? height - 1 - y : y;
    for (let x = 0; x < width; x++) {
      const column = mirrored ? width - 1 - x : x;
      to[y * width + x] = from[transposed ? column * picture.width + row : row * picture.width + column];
    }
  }
  return { width, height, data: new Uint8ClampedArray(to.buffer) };
}

/**
 * Frame a picture: lithoscope.data.images.square.to_square.
 * @param {Picture} picture upright
 * @param {number} size side of the square
 * @param {boolean} cropBorder whether to cut a uniform border away before
 */
export function toSquare(picture, size, cropBorder) {
  const whole = [0, 0, picture.width, picture.height];
  const [left, top, right, bottom] = cropBorder ? uniformBorder(picture) : whole;
  const [width, height] = [right - left, bottom - top];
  const scale = size / Math.max(width, height);
  const [wide, high] = [Math.max(1, roundHalfEven(width * scale)), Math.max(1, roundHalfEven(height * scale))];
  const scaled = resized(cropped(picture, left, top, width, height), width, height, wide, high);
  return padded(scaled, wide, high);
}

function cropped(picture, left, top, width, height) {
  const inner = new Uint8Array(3 * width * height);
  let to = 0;
  for (let y = top; y < top + height; y++) {
    let from = 4 * (y * picture.width + left);
    for (let x = 0; x < width; x++, from += 4) {
      inner[to++] = picture.data[from];
      inner[to++] = picture.data[from + 1];
      inner[to++] = picture.data[from + 2];
    }
  }
  return inner;
}

/** left, top, right, bottom of what is inside a border of one colour: square.py's uniform_border. */
export function uniformBorder(picture) {
  const { width, height, data } = picture;
  let box = [0, 0, width, height];
  for (;;) {
    const before = box;
    for (let side = 0; side < 4; side++) {
      const [left, top, right, bottom] = box;
      const upright = side % 2 === 0; // the side's lines are columns
      const far = side >= 2;
      const lines = upright ? right - left : bottom - top;
      const length = upright ? bottom - top : right - left;
      const start = (line) => {
        const place = far ? lines - 1 - line : line;
        return upright ? top * width + left + place : (top + place) * width + left;
      };
      const step = upright ? width : 1;
      const colour = medianColour(histogram(data, start(0), step, length, histograms()), length);
      const isBorder = (line) => {
        let unlike = 0;
        for (let place = 4 * start(line), count = 0; count < length; place += 4 * step, count++) {
          if (Math.abs(data[place] - colour[0]) > TOLERANCE || Math.abs(data[place + 1] - colour[1]) > TOLERANCE
            || Math.abs(data[place + 2] - colour[2]) > TOLERANCE) unlike++;
        }
        return !(unlike / length > SPECKS);
      };
      let depth = 0;
      while (depth < lines && isBorder(depth)) depth++;
      if (!depth) continue;
      box = [...box];
      box[side] += far ? -depth : depth;
      if (box[2] - box[0] < LEAST_SIDE || box[3] - box[1] < LEAST_SIDE) return [0, 0, width, height];
    }
    if (box.every((value, place) => value === before[place])) return box;
  }
}

const histograms = () => [0, 1, 2].map(() => new Uint32Array(256));

function histogram(data, start, step, length, counts, channels = 4) {
  for (let place = channels * start, count = 0; count < length; place += channels * step, count++) {
    for (let channel = 0; channel < 3; channel++) counts[channel][data[place + channel]]++;
  }
  return counts;
}

/** The median of each channel, the mean of the middle two cut to a whole number. */
function medianColour(counts, total) {
  return counts.map((of) => {
    const at = (rank) => {
      let seen = 0;
      for (let value = 0; ; value++) {
        seen += of[value];
        if (seen > rank) return value;
      }
    };
    return Math.floor((at((total - 1) >> 1) + at(total >> 1)) / 2);
  });
}

/** Pillow's antialiased bicubic filter: which pixels count for each place, and by how much in fixed point. */
function coefficients(before, after) {
  const scale = before / after;
  const stretch = Math.max(1, scale);
  const support = 2 * stretch;
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(after);
  const counts = new Int32Array(after);
  const weights = new Int32Array(after * taps);
  for (let place = 0; place < after; place++) {
    const centre = (place + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(before, Math.trunc(centre + support + 0.5)) - low;
    const exact = Array.from({ length: count }, (_, step) => bicubic((step + low - centre + 0.5) * (1 / stretch)));
    const sum = exact.reduce((total, weight) => total + weight, 0);
    exact.forEach((weight, step) => {
      const share = (sum ? weight / sum : weight) * (1 << BITS);
      weights[place * taps + step] = Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    });
    first[place] = low;
    counts[place] = count;
  }
  return { first, counts, weights, taps };
}

function bicubic(distance) {
  const x = Math.abs(distance);
  if (x < 1) return ((-0.5 + 2) * x - (-0.5 + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

/** Resize RGB bytes as Pillow 13 does: where the height shrinks by far more than the width, it comes first. */
export function resized(pixels, width, height, wide, high) {
  if (width === wide && height === high) return pixels;
  const heightFirst = height > high && height - high > 2 * (width - wide);
  const across = (from, rows) => (width === wide ? from : rowPass(from, rows, 3 * width, wide, coefficients(width, wide)));
  const down = (from, columns) => (height === high ? from : columnPass(from, columns, high, coefficients(height, high)));
  return heightFirst ? across(down(pixels, width), high) : down(across(pixels, height), wide);
}

function rowPass(from, rows, rowBytes, wide, { first, counts, weights, taps }) {
  const to = new Uint8ClampedArray(3 * wide * rows);
  for (let y = 0, place = 0; y < rows; y++) {
    for (let x = 0; x < wide; x++) {
      let red = 1 << (BITS - 1);
      let green = red;
      let blue = red;
      let source = y * rowBytes + 3 * first[x];
      for (let tap = x * taps, end = tap + counts[x]; tap < end; tap++, source += 3) {
        const weight = weights[tap];
        red += from[source] * weight;
        green += from[source + 1] * weight;
        blue += from[source + 2] * weight;
      }
      to[place++] = red >> BITS;
      to[place++] = green >> BITS;
      to[place++] = blue >> BITS;
    }
  }
  return to;
}

function columnPass(from, columns, high, { first, counts, weights, taps }) {
  const row = 3 * columns;
  const to = new Uint8ClampedArray(row * high);
  const sums = new Int32Array(row);
  for (let y = 0; y < high; y++) {
    sums.fill(1 << (BITS - 1));
    for (let tap = 0; tap < counts[y]; tap++) {
      const weight = weights[y * taps + tap];
      const source = (first[y] + tap) * row;
      for (let place = 0; place < row; place++) sums[place] += from[source + place] * weight;
    }
    for (let place = 0; place < row; place++) to[y * row + place] = sums[place] >> BITS;
  }
  return to;
}

function padded(pixels, width, height) {
  const side = Math.max(width, height);
  const square = new Uint8Array(3 * side * side);
  if (width === height) {
    square.set(pixels);
    return square;
  }
  const counts = histograms();
  for (const [start, step, length] of [[0, 1, width], [(height - 1) * width, 1, width], [0, width, height], [width - 1, width, height]]) {
    histogram(pixels, start, step, length, counts, 3);
  }
  const colour = medianColour(counts, 2 * (width + height));
  for (let place = 0; place < square.length; place++) square[place] = colour[place % 3];
  const left = Math.floor((side - width) / 2);
  const top = Math.floor((side - height) / 2);
  for (let y = 0; y < height; y++) square.set(pixels.subarray(3 * y * width, 3 * (y + 1) * width), 3 * ((top + y) * side + left));
  return square;
}
