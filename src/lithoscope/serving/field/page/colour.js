// Colours as sRGB: what an embedded ICC profile of three primaries and their curves says, as Little CMS converts it from
// 8 bits to 8 bits (relative colorimetric, black-point compensation), number for number. Another kind of profile is refused.

import { Unreadable } from "./container.js";

/** Profiles that move no colour by more than this, of 255, are sRGB by another hand. */
const SAME_COLOURS = 2;
const ONE = 16384; // 1 in fixed point of 14 bits
const POINTS = 4096; // of two curves joined
const MOST_ENTRIES = 0x7fff; // of a curve, as in Little CMS
const SRGB_CURVE = { type: 4, values: [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045] };
/** Red, green and blue of sRGB in XYZ under D50, as columns; a test holds them against those of Little CMS. */
export const SRGB_COLORANTS = [
  [0.43604125161605084, 0.3851129107981557, 0.14304583758579362],
  [0.22248454022947742, 0.7169050786084579, 0.060610381162065304],
  [0.013920187471375375, 0.09706723869712407, 0.713912573831501],
];
const TABLES = ["A2B0", "A2B1", "D2B0", "D2B1"];

const tag = (data, place) => String.fromCharCode(...[0, 1, 2, 3].map((step) => data.getUint8(place + step)));
const fixed = (data, place) => data.getInt32(place) / 65536;

/**
 * The conversion that a profile asks for.
 * @param {?Uint8Array} bytes the profile
 * @param {{grey: boolean, cmyk: boolean}} picture
 * @returns {?function(Uint8ClampedArray): void} converts RGBA pixels in place; null where nothing is to be done
 */
export function conversion(bytes, picture) {
  const profile = bytes && parsed(bytes);
  if (!profile) return null;
  if ((picture.grey && profile.colours === "GRAY") || (picture.cmyk && profile.colours === "CMYK")) refuse(profile);
  if (profile.colours !== "RGB " || picture.cmyk) return null;
  const convert = converter(profile);
  return convert && moves(convert) ? convert : null;
}

function refuse(profile) {
  throw new Unreadable(`its colours follow a profile (${profile.colours.trim()}) that is not converted here: lithoscope predict does`);
}

function parsed(bytes) {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 132 || tag(data, 36) !== "acsp") return null; // broken ones count as sRGB
  const tags = new Map();
  for (let entry = 0; entry < data.getUint32(128) && 144 + 12 * entry <= bytes.length; entry++) {
    tags.set(tag(data, 132 + 12 * entry), data.getUint32(136 + 12 * entry));
  }
  return { data, tags, colours: tag(data, 16), connection: tag(data, 20) };
}

function converter(profile) {
  const { data, tags } = profile;
  const needed = ["rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC"];
  if (TABLES.some((name) => tags.has(name)) || profile.connection !== "XYZ " || needed.some((name) => !tags.has(name))) refuse(profile);
  let curves;
  let colorants;
  try {
    curves = [..."rgb"].map((letter) => curve(data, tags.get(`${letter}TRC`), profile));
    colorants = [0, 1, 2].map((row) => [..."rgb"].map((letter) => fixed(data, tags.get(`${letter}XYZ`) + 8 + 4 * row)));
  } catch (error) {
    if (error instanceof RangeError) refuse(profile);
    throw error;
  }
  if (curves.some((one) => evaluate(one, 0) !== 0)) refuse(profile); // its black is not black
  const matrix = times(inverse(SRGB_COLORANTS), colorants);
  const isIdentity = matrix.every((row, place) => row.every((value, other) => Math.abs(value - (place === other ? 1 : 0)) < 1 / 65535));
  return isIdentity ? joinedCurves(curves) : matrixShaper(curves, matrix);
}

function curve(data, place, profile) {
  const kind = tag(data, place);
  if (kind === "curv") {
    const count = data.getUint32(place + 8);
    if (count === 0) return { type: 1, values: [1] };
    if (count > MOST_ENTRIES) refuse(profile);
    if (count === 1) return { type: 1, values: [data.getUint16(place + 12) / 256] };
    return { table: Uint16Array.from({ length: count }, (_, step) => data.getUint16(place + 12 + 2 * step)) };
  }
  const type = data.getUint16(place + 8) + 1;
  if (kind !== "para" || type > 5) refuse(profile);
  return { type, values: Array.from({ length: [1, 3, 4, 5, 7][type - 1] }, (_, step) => fixed(data, place + 12 + 4 * step)) };
}

/** A curve at a value of 0 … 1, as a number of 32 bits. */
function evaluate(one, value) {
  if (one.table) return Math.fround(between(one.table, word(Math.fround(value) * 65535)) / 65535);
  return Math.fround(parametric(one, Math.fround(value)));
}

/** ICC.1:2022, table 68; Little CMS counts the types from 1. */
function parametric({ type, values }, x) {
  const [gamma, a, b, c, d, e, f] = values;
  const power = (base) => (base > 0 ? base ** gamma : 0);
  if (type === 1) return x < 0 ? (Math.abs(gamma - 1) < 1e-4 ? x : 0) : x ** gamma;
  if (type === 2) return x >= -b / a ? power(a * x + b) : 0;
  if (type === 3) return x >= Math.max(0, -b / a) ? (a * x + b > 0 ? (a * x + b) ** gamma + c : 0) : c;
  if (type === 4) return x >= d ? power(a * x + b) : x * c;
  return x >= d ? power(a * x + b) + e : x * c + f;
}

/** From linear light to the numbers of sRGB, as numbers of 32 bits. */
function encoded(linear) {
  const [gamma, a, b, c, d] = SRGB_CURVE.values;
  const x = Math.fround(linear);
  return Math.fround(x >= (a * d + b) ** gamma ? (x ** (1 / gamma) - b) / a : x / c);
}

/** To 0 … 65535, rounded as Little CMS does: first to fixed point of 16 bits. */
function word(value) {
  const raised = value + 0.5;
  if (!(raised > 0)) return 0;
  return raised >= 65535 ? 65535 : Math.floor(Math.round(raised * 65536) / 65536);
}

const byte = (wide) => Math.floor((wide * 65281 + 8388608) / 16777216) & 255;

/** A table of 16 bits at a place of 0 … 65535, in between linearly, in fixed point. */
function between(table, place) {
  const last = table.length - 1;
  if (place === 65535) return table[last];
  const product = last * place;
  const exact = product + Math.floor((product + 0x7fff) / 0xffff);
  const cell = Math.floor(exact / 65536);
  const step = (table[cell + 1] - table[cell]) * (exact % 65536) + 0x8000;
  return (Math.floor(step / 65536) + table[cell]) & 0xffff;
}

function matrixShaper(curves, matrix) {
  const first = curves.map((one) => Int32Array.from({ length: 256 }, (_, step) => Math.floor(evaluate(one, step / 255) * ONE + 0.5)));
  const last = Uint8Array.from({ length: ONE + 1 }, (_, step) => byte(word(Math.min(1, Math.max(0, encoded(step / ONE))) * 65535)));
  const [m0, m1, m2, m3, m4, m5, m6, m7, m8] = matrix.flat().map((value) => Math.floor(value * ONE + 0.5));
  const clipped = (sum) => { const light = (sum + 0x2000) >> 14; return light < 0 ? 0 : light > ONE ? ONE : light; };
  return (pixels) => {
    for (let place = 0; place < pixels.length; place += 4) {
      const r = first[0][pixels[place]];
      const g = first[1][pixels[place + 1]];
      const b = first[2][pixels[place + 2]];
      pixels[place] = last[clipped(m0 * r + m1 * g + m2 * b)];
      pixels[place + 1] = last[clipped(m3 * r + m4 * g + m5 * b)];
      pixels[place + 2] = last[clipped(m6 * r + m7 * g + m8 * b)];
    }
  };
}

/** Where the primaries are those of sRGB, curves alone are applied. */
function joinedCurves(curves) {
  const tables = curves.map((one) => Uint16Array.from({ length: POINTS }, (_, step) => word(encoded(evaluate(one, step / (POINTS - 1))) * 65535)));
  const linear = (table) => table.every((value, step) => Math.abs(value - word((step * 65535) / (POINTS - 1))) <= 0x0f);
  if (tables.every(linear)) return null;
  const bytes = tables.map((table) => Uint8Array.from({ length: 256 }, (_, step) => byte(between(table, step * 257))));
  return (pixels) => {
    for (let place = 0; place < pixels.length; place++) if (place % 4 !== 3) pixels[place] = bytes[place % 4][pixels[place]];
  };
}

function moves(convert) {
  const steps = Array.from({ length: 9 }, (_, step) => roundHalfEven((255 * step) / 8));
  const lattice = steps.flatMap((r) => steps.flatMap((g) => steps.flatMap((b) => [r, g, b, 255])));
  const moved = Uint8ClampedArray.from(lattice);
  convert(moved);
  return moved.some((value, place) => Math.abs(value - lattice[place]) > SAME_COLOURS);
}

/** Round as Python and NumPy do. */
export function roundHalfEven(value) {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low % 2) : Math.round(value);
}

function times(one, other) {
  return one.map((row) => [0, 1, 2].map((place) => row.reduce((sum, value, step) => sum + value * other[step][place], 0)));
}

function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    [e * i - f * h, c * h - b * i, b * f - c * e],
    [f * g - d * i, a * i - c * g, c * d - a * f],
    [d * h - e * g, b * g - a * h, a * e - b * d],
  ].map((row) => row.map((value) => value / determinant));
}
