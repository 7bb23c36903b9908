// Who answers the page's questions in the field: this device, with ONNX Runtime Web.

import * as ort from "./ort.wasm.bundle.min.mjs";
import { averaged, decide, readReference } from "./answers.js";
import { Unreadable } from "./container.js";
import { framed } from "./framing.js";
import { covered, evidence } from "./occlusion.js";

const MOST_THREADS = 4;
const THREADS = globalThis.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1;

export class Refused extends Error {}
/** A server's alone: nothing here wants a token. */
export class TokenWanted extends Refused {}
export function giveToken() {}

let loaded = null;
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
  const network = new Uint8Array(await (await fetched("model.onnx")).arrayBuffer());
  return { about, rules, reference, session: await ort.InferenceSession.create(network) };
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
    photograph: files[place].name, problem, notes: [],
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

async function probed(square) {
  const { about, session } = await ready();
  const size = about.framing.image_size;
  const answer = await session.run({ squares: new ort.Tensor("uint8", square, [1, size, size, 3]) });
  return { probabilities: answer.probabilities.data.slice(), features: answer.features.data.slice() };
}

/** Where in a photograph the evidence for a class lies, as a server would say. */
export async function look(file, label) {
  const { about, rules } = await ready();
  const square = await framed(file, about.framing);
  const size = about.framing.image_size;
  const place = rules.classes.indexOf(label);
  const confidence = (await probed(square)).probabilities[place];
  const after = [];
  for (const copy of covered(square, size)) {
    after.push((await probed(copy)).probabilities[place]);
    await new Promise((go) => setTimeout(go)); // the page stays alive meanwhile
  }
  const pixels = new ImageData(size, size);
  for (let at = 0; at < size * size; at++) pixels.data.set([...square.subarray(3 * at, 3 * at + 3), 255], 4 * at);
  return {
    label, confidence, lowest: Math.min(...after), evidence: evidence(confidence, after),
    picture: await createImageBitmap(pixels), ...about.looked,
  };
}
