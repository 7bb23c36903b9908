// Who answers the page's questions in the field: this device, with ONNX Runtime Web.

import * as ort from "./ort.wasm.bundle.min.mjs";
import { averaged, decide, readReference } from "./answers.js";
import { Unreadable } from "./container.js";
import { framed } from "./framing.js";
import { covered, covers, evidence } from "./occlusion.js";

const MOST_THREADS = 4;
const THREADS = globalThis.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1;

export class Refused extends Error {}
/** A server's alone: nothing here wants a token. */
export class TokenWanted extends Refused {}
export function giveToken() {}

let loaded = null;
let looking = null; // the graph that covers feature maps, opened when it is first needed
const outputs = new WeakMap(); // of files that were looked at: field tests ask again about the same ones

async function fetched(name) {
  try {
    const answer = await fetch(name);
    if (answer.ok) return answer;
  } catch { /* said below */ }
  throw new Refused(`${name} cannot be fetched: open this page once with a network.`);
}

async function load() {
  ort.env.wasm.numThreads = THREADS;
  ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", import.meta.url).href };
  const [about, rules] = await Promise.all(["about.json", "answers.json"].map(async (name) => (await fetched(name)).json()));
  const reference = rules.limits && readReference(await (await fetched("reference.bin")).arrayBuffer(), rules.limits.features);
  return { about, rules, reference, session: await opened("model.onnx") };
}

async function opened(name) {
  return ort.InferenceSession.create(new Uint8Array(await (await fetched(name)).arrayBuffer()));
}

async function ready() {
  loaded ||= load();
  try {
    return await loaded;
  } catch (error) {
    loaded = null; // the next question tries again
    throw error;
  }
}

/** What the model is. */
export async function meetModel() {
  return (await ready()).about;
}

/** The answers to files, as a server would give them. */
export async function ask(files, { specimen, ...found }) {
  const { rules, reference } = await ready();
  const seen = [];
  for (const file of files) seen.push(await seenIn(file));
  const predictions = seen.map(({ problem, output }, place) => ({
    ...(output ? decide(output.probabilities, output.features, rules, reference, found) : { label: null, confidence: null }),
    photograph: files[place].name, file: place, page: 1, problem, notes: [],
  }));
  const readable = seen.map(({ output }) => output).filter(Boolean);
  const together = specimen && readable.length
    ? { ...decide(averaged(readable.map((one) => one.probabilities)), averaged(readable.map((one) => one.features)), rules, reference, found), photographs: readable.length }
    : null;
  return { predictions, specimen: together, error: null };
}

async function seenIn(file) {
  try {
    if (!outputs.has(file)) outputs.set(file, await run(file));
    return { problem: null, output: outputs.get(file) };
  } catch (error) {
    if (error instanceof Refused) throw error;
    const problem = error instanceof Unreadable ? error.message : `this browser fails on it (${error.message})`;
    return { problem, output: null };
  }
}

async function run(file) {
  const { about } = await ready();
  return probed(await framed(file, about.framing));
}

async function asked(square, names) {
  const { about, session } = await ready();
  const size = about.framing.image_size;
  return session.run({ squares: new ort.Tensor("uint8", square, [1, size, size, 3]) }, names); // which hands out no others
}

async function probed(square) {
  const answer = await asked(square, ["probabilities", "features"]);
  return { probabilities: answer.probabilities.data.slice(), features: answer.features.data.slice() };
}

/** Where in a photograph the evidence for a class lies, as a server would say. */
export async function look(file, label) {
  const { about, rules } = await ready();
  const { network, ...looked } = about.looked;
  const square = await framed(file, about.framing);
  const size = about.framing.image_size;
  const place = rules.classes.indexOf(label);
  const [confidence, ...after] = await (network ? withMapsCovered(square, place, network) : withPartsCovered(square, place, size));
  const pixels = new ImageData(size, size);
  for (let at = 0; at < size * size; at++) pixels.data.set([...square.subarray(3 * at, 3 * at + 3), 255], 4 * at);
  return {
    label, confidence, lowest: Math.min(...after), evidence: evidence(confidence, after),
    picture: await createImageBitmap(pixels), ...looked,
  };
}

const breath = () => new Promise((go) => setTimeout(go)); // the page stays alive meanwhile

/** The probability of a class, then those with each place of the feature maps covered. */
async function withMapsCovered(square, place, network) {
  looking ||= opened(network).catch((error) => {
    looking = null; // the next look tries again
    throw error;
  });
  const looker = await looking;
  const names = looker.inputNames.filter((name) => name !== "covers");
  const { probabilities, ...maps } = await asked(square, ["probabilities", ...names]);
  const found = [probabilities.data[place]];
  for (const { data, dims } of covers()) {
    const { probabilities: after } = await looker.run({ covers: new ort.Tensor("float32", data, dims), ...maps });
    for (let row = 0; row < dims[0]; row++) found.push(after.data[row * after.dims[1] + place]);
    await breath();
  }
  return found;
}

/** The same with each part of the photograph covered, of models whose feature maps cannot be. */
async function withPartsCovered(square, place, size) {
  const found = [(await probed(square)).probabilities[place]];
  for (const copy of covered(square, size)) {
    found.push((await probed(copy)).probabilities[place]);
    await breath();
  }
  return found;
}
