// Answers in words from probabilities and features: what lithoscope.serving.answers says in Python, from the same limits.

const ROUNDING = 1e-9;

/** @typedef {Float32Array|Float64Array} Row */

const rounded = (value) => Number(value.toFixed(6));
const largest = (row) => row.reduce((best, value, place) => (value > row[best] ? place : best), 0);

/**
 * What photographs are held against.
 * @param {ArrayBuffer} bytes means, standard deviations and the photographs' lengths (float32), then their signs (packed bits)
 * @param {number} width features of a photograph
 */
export function readReference(bytes, width) {
  const packed = Math.ceil(width / 8);
  const count = (bytes.byteLength - 8 * width) / (4 + packed);
  const [mean, scale] = [new Float32Array(bytes, 0, width), new Float32Array(bytes, 4 * width, width)];
  const [lengths, signs] = [new Float32Array(bytes, 8 * width, count), new Uint8Array(bytes, 8 * width + 4 * count)];
  return { mean, scale, lengths, signs, packed };
}

/**
 * Answer one photograph or specimen.
 * @param {Float32Array} probabilities calibrated
 * @param {Float32Array} features
 * @param {object} rules answers.json of the export
 * @param {?object} reference of readReference
 * @param {Object<string, string>} found outcomes of field tests by their names
 */
export function decide(probabilities, features, rules, reference, found = {}) {
  const limits = rules.limits;
  const familiarity = limits ? familiarityOf(probabilities, features, limits, reference) : null;
  const row = reweighted(probabilities, rules.tests, found);
  const best = largest(row);
  const answer = {
    label: rules.classes[best], confidence: rounded(row[best]),
    probabilities: Object.fromEntries(rules.classes.map((name, place) => [name, rounded(row[place])])),
  };
  if (!limits) return answer;
  const decision = decided(row, familiarity, rules.classes, limits);
  const asksFurther = decision.answer === "set" || decision.answer === "coarser";
  const [test, bits] = asksFurther ? mostInformative(row, rules.tests, found) : ["", 0];
  return { ...answer, ...decision, familiarity: rounded(familiarity), next_test: bits ? test : "", next_test_bits: bits || null };
}

/** Several photographs of one specimen: probabilities or features averaged, in numbers of 32 bits. */
export function averaged(rows) {
  const sum = rows.reduce((total, row) => total.map((value, place) => value + row[place]), new Float32Array(rows[0].length));
  return sum.map((value) => value / rows.length);
}

function familiarityOf(probabilities, features, limits, reference) {
  const share = (value, heldOut) => (heldOut.filter((one) => one <= value).length + 1) / (heldOut.length + 1);
  return Math.min(share(similarity(features, limits, reference), limits.similar), share(decidedness(probabilities, limits), limits.decided));
}

/** The similarity to the k-th nearest training photograph, of which the signs are known. */
function similarity(features, limits, { mean, scale, lengths, signs, packed }) {
  const unit = features.map((value, place) => Math.fround(value - mean[place]) / scale[place]);
  const length = Math.max(Math.fround(Math.sqrt(unit.reduce((sum, value) => sum + value * value, 0))), 1.1754943508222875e-38);
  const direction = unit.map((value) => value / length);
  const whole = direction.reduce((sum, value) => sum + value, 0);
  const found = Float64Array.from(lengths, (length, one) => {
    let sum = 0;
    for (let place = 0; place < direction.length; place++) {
      if (signs[one * packed + (place >> 3)] & (128 >> (place & 7))) sum += direction[place];
    }
    return Math.fround((2 * sum - whole) / length);
  }).sort();
  return found[found.length - Math.min(limits.neighbour, found.length)];
}

/** The negative generalised entropy. */
function decidedness(probabilities, { gamma, largest: most }) {
  const sorted = Float64Array.from(probabilities).sort().reverse().slice(0, most);
  return -sorted.reduce((sum, value) => sum + (value * Math.max(1 - value, 0)) ** gamma, 0);
}

function decided(row, familiarity, classes, limits) {
  const narrow = row instanceof Float32Array ? Math.fround : (value) => value;
  const needed = narrow(limits.needed - ROUNDING);
  const best = largest(row);
  const order = classes.map((_, place) => place).filter((place) => row[place] >= needed || place === best);
  order.sort((one, other) => row[other] - row[one] || one - other);
  const names = order.map((place) => classes[place]);
  const sure = order.reduce((sum, place) => narrow(sum + row[place]), 0);
  const say = (answer, named, probability, why) => ({ answer, named, sure: probability === null ? null : rounded(probability), why });
  if (familiarity <= limits.familiar) return say("none", limits.words.none_of_these, null, limits.words.none);
  if (names.length > limits.short && limits.coarse_needed !== null) {
    const kinds = [...new Set(limits.coarse)].filter(Boolean).sort(byCodePoint);
    const sums = kinds.map((kind) => limits.coarse.reduce((sum, one, place) => sum + (one === kind ? row[place] : 0), 0));
    const place = largest(sums);
    if (sums[place] >= limits.coarse_needed) return say("coarser", kinds[place], sums[place], limits.words.coarser.replace("{}", kinds[place]));
  }
  return names.length === 1 ? say("name", names[0], sure, limits.words.name) : say("set", listed(names), sure, limits.words.set);
}

/** As Python sorts texts. */
function byCodePoint(one, other) {
  const [left, right] = [[...one], [...other]].map((letters) => letters.map((letter) => letter.codePointAt(0)));
  const place = left.findIndex((code, at) => code !== right[at]);
  return place < 0 ? left.length - right.length : left[place] - (right[place] ?? -1);
}

const listed = (names) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names[0]);

/** The probabilities after field tests, by Bayes' rule. */
function reweighted(probabilities, tests, found) {
  const outcomes = Object.entries(found);
  if (!outcomes.length) return probabilities;
  const weights = Float64Array.from(probabilities);
  for (const [test, value] of outcomes) {
    const { likelihoods } = tests[test].outcomes.find((one) => one.value === value);
    likelihoods.forEach((likelihood, place) => { weights[place] *= likelihood; });
  }
  const total = weights.reduce((sum, value) => sum + value, 0);
  return weights.map((value) => value / total);
}

/** The field test that is expected to settle most: the mutual information of class and outcome, in bits. */
function mostInformative(row, tests, found) {
  let best = ["", 0];
  for (const [test, { table }] of Object.entries(tests)) {
    if (test in found) continue;
    const marginal = table[0].map((_, outcome) => row.reduce((sum, value, place) => sum + value * table[place][outcome], 0));
    const bits = entropy(marginal) - row.reduce((sum, value, place) => sum + value * entropy(table[place]), 0);
    if (bits > best[1] + 1e-9) best = [test, bits];
  }
  return best;
}

const entropy = (row) => -row.reduce((sum, value) => sum + value * Math.log2(Math.max(value, 1e-300)), 0);
