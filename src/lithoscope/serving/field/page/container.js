// What an image file says of itself: its kind, colour profile and orientation. Only headers are read, no pixels.

/** Why a file cannot be answered, in words that follow its name. */
export class Unreadable extends Error {}

const ORIENTATION = 0x0112; // CIPA DC-008, 4.6.5.1.6
const JPEG_FRAMES = new Set([0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf]);
const ELSEWHERE = "which browsers do not read: lithoscope predict and lithoscope serve do";
const REFUSED = [
  [(text) => /^(II\*\0|MM\0\*|II\+\0|MM\0\+)/.test(text), "a TIFF or raw image"],
  [(text) => /^ftyp(hei|hev|mif1|msf1)/.test(text.slice(4)), "a HEIC image"],
  [(text) => text.startsWith("\xff\x4f\xff\x51") || text.startsWith("\0\0\0\x0cjP"), "a JPEG 2000 image"],
  [(text) => /^P[1-6]\s/.test(text), "a PPM image"],
];

/** What is read: the type, as the page asks the device for it; how its files begin; who reads their headers. */
const READ = [
  ["image/jpeg", (text) => text.startsWith("\xff\xd8\xff"), jpeg],
  ["image/png", (text) => text.startsWith("\x89PNG\r\n\x1a\n"), png],
  ["image/webp", (text) => text.startsWith("RIFF") && text.slice(8, 12) === "WEBP", webp],
  ["image/avif", (text) => /^ftypavi[fs]/.test(text.slice(4)), avif],
  ["image/gif", (text) => text.startsWith("GIF8"), (_, found) => ({ ...found, kind: "GIF" })],
  ["image/bmp", (text) => text.startsWith("BM"), (_, found) => ({ ...found, kind: "BMP" })],
];

const latin = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * What decoding needs to know beside the pixels.
 * @param {Uint8Array} bytes the file
 * @param {Object<string, number[]>} codes of colour primaries (ITU-T H.273) the curves with which they count as sRGB's
 * @returns {Promise<{kind: string, profile: ?Uint8Array, orientation: number, grey: boolean, cmyk: boolean, plain: Uint8Array}>}
 *   plain: the file without an orientation, so that no browser turns the picture: some do so in some formats.
 */
export async function describe(bytes, codes) {
  if (!bytes.length) throw new Unreadable("an empty file");
  const head = latin(bytes.subarray(0, 32));
  const found = { kind: "", profile: null, orientation: 1, grey: false, cmyk: false, plain: bytes };
  for (const [, is, read] of READ) if (is(head)) return read(bytes, found, codes);
  for (const [is, words] of REFUSED) if (is(head)) throw new Unreadable(`${words}, ${ELSEWHERE}`);
  throw new Unreadable(head.slice(4, 8) === "ftyp" ? "a video" : "not an image");
}

function jpeg(bytes, found) {
  const data = view(bytes);
  const profile = [];
  const kept = [bytes.subarray(0, 2)];
  let exif = 0;
  let described = "";
  let place = 2;
  while (place + 4 <= bytes.length && bytes[place] === 0xff) {
    const marker = bytes[place + 1];
    if (marker === 0xff || (marker >= 0xd0 && marker <= 0xd8) || marker === 0x01) { // filling, or nothing follows
      kept.push(bytes.subarray(place, place + (marker === 0xff ? 1 : 2)));
      place += marker === 0xff ? 1 : 2;
      continue;
    }
    const end = place + 2 + data.getUint16(place + 2);
    const body = bytes.subarray(place + 4, end);
    const name = latin(body.subarray(0, 29));
    if (marker === 0xe1 && name.startsWith("Exif\0\0")) exif ||= orientationOf(body.subarray(6));
    else kept.push(bytes.subarray(place, end));
    if (marker === 0xe1 && name.startsWith("http://ns.adobe.com/xap/1.0/\0")) described ||= latin(body.subarray(29));
    if (marker === 0xe2 && name.startsWith("ICC_PROFILE\0")) profile.push([body[12], body.subarray(14)]);
    if (JPEG_FRAMES.has(marker)) {
      if (body[0] > 8) throw new Unreadable(`a JPEG of ${body[0]} bits a channel, ${ELSEWHERE}`);
      found.grey = body[5] === 1;
      found.cmyk = body[5] === 4;
    }
    place = end;
    if (marker === 0xda) break; // the pixels begin
  }
  kept.push(bytes.subarray(place));
  profile.sort((one, other) => one[0] - other[0]);
  return {
    ...found, kind: "JPEG", plain: joined(kept),
    profile: profile.length ? joined(profile.map((part) => part[1])) : null, orientation: exif || orientationInXmp(described) || 1,
  };
}

async function png(bytes, found, codes) {
  const data = view(bytes);
  const kept = [bytes.subarray(0, 8)];
  let own = null;
  let place = 8;
  while (place + 12 <= bytes.length) {
    const length = data.getUint32(place);
    const end = place + 12 + length;
    const name = latin(bytes.subarray(place + 4, place + 8));
    const body = bytes.subarray(place + 8, place + 8 + length);
    if (name === "IHDR") {
      if (body[8] > 8) throw new Unreadable(`a PNG of ${body[8]} bits a channel, ${ELSEWHERE}`);
      found.grey = body[9] === 0 && body[8] > 1;
    }
    if (name === "eXIf") found.orientation = orientationOf(body) || 1;
    else kept.push(bytes.subarray(place, end));
    if (name === "iCCP" && !found.profile) found.profile = await inflated(body.subarray(body.indexOf(0) + 2));
    if (name === "cICP") own = body;
    place = end;
    if (name === "IEND") break;
  }
  if (own && !found.profile) refuseOthers(own[0], own[1], codes);
  return { ...found, kind: "PNG", plain: joined(kept) };
}

function webp(bytes, found) {
  const data = view(bytes);
  let plain = bytes;
  let described = "";
  for (let place = 12; place + 8 <= bytes.length;) {
    const name = latin(bytes.subarray(place, place + 4));
    const length = data.getUint32(place + 4, true);
    let body = bytes.subarray(place + 8, place + 8 + length);
    if (name === "ICCP") found.profile = body;
    if (name === "XMP ") described = latin(body);
    if (name === "EXIF") {
      if (latin(body.subarray(0, 6)) === "Exif\0\0") body = body.subarray(6);
      found.orientation = orientationOf(body) || 1;
      plain = bytes.slice();
      plain.fill(0, place + 8, place + 8 + length);
    }
    place += 8 + length + (length % 2);
  }
  if (found.orientation === 1) found.orientation = orientationInXmp(described) || 1;
  return { ...found, kind: "WEBP", plain };
}

/** AVIF turns pictures by a property of its own, which browsers and the reference heed alike. */
function avif(bytes, found, codes) {
  const head = latin(bytes.subarray(0, 1 << 16));
  const configuration = head.indexOf("av1C");
  if (configuration >= 0 && head.charCodeAt(configuration + 6) & 0x40) throw new Unreadable(`an AVIF of more than 8 bits a channel, ${ELSEWHERE}`);
  if (/auxid:1|alpha/.test(head)) throw new Unreadable(`an AVIF with transparent parts, which browsers mix otherwise: lithoscope predict reads it`);
  const box = head.search(/colr(prof|rICC)/);
  if (box >= 4) found.profile = bytes.subarray(box + 8, box - 4 + view(bytes).getUint32(box - 4));
  const own = head.indexOf("colrnclx");
  if (own >= 0 && !found.profile) refuseOthers(view(bytes).getUint16(own + 8), view(bytes).getUint16(own + 10), codes);
  return { ...found, kind: "AVIF" };
}

/** Refuses colours that code points say to be another than sRGB's. */
function refuseOthers(primaries, transfer, codes) {
  if (!(codes[primaries] ?? codes.other).includes(transfer)) {
    throw new Unreadable("its colours follow code points that are not converted here: lithoscope predict does");
  }
}

/** The orientation in EXIF data, 0 for none; damaged data count as none. */
function orientationOf(tiff) {
  try {
    const data = view(tiff);
    const little = data.getUint16(0) === 0x4949;
    const start = data.getUint32(4, little);
    for (let entry = 0; entry < data.getUint16(start, little); entry++) {
      const place = start + 2 + 12 * entry;
      if (data.getUint16(place, little) === ORIENTATION) return data.getUint16(place + 8, little);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return 0;
}

function orientationInXmp(text) {
  const match = /tiff:Orientation(="|>)([0-9])/.exec(text);
  return match ? Number(match[2]) : 0;
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new Unreadable("its colour profile is damaged");
  }
}
