// What a model looked at: as lithoscope.serving.occlusion says in Python, where its source is named.

const PARTS = 8;
const COVER = 2;
const STEPS = PARTS - COVER + 1;
const LEAST = 1e-9;

/** Places of the cover over feature maps, a row of them at a time: 1 for each part that is hidden, float32 (7, 8, 8). */
export function* covers() {
  for (let row = 0; row < STEPS; row++) {
    const places = new Float32Array(STEPS * PARTS * PARTS);
    for (let column = 0; column < STEPS; column++) {
      for (let y = row; y < row + COVER; y++) {
        const start = (column * PARTS + y) * PARTS + column;
        places.fill(1, start, start + COVER);
      }
    }
    yield { data: places, dims: [STEPS, PARTS, PARTS] };
  }
}

const cut = (side, part) => Math.floor((side * part) / PARTS);

/** A photograph with each of its parts covered in turn by its mean colour. */
export function* covered(square, side) {
  const colour = [0, 1, 2].map((channel) => evenly(mean(square, channel)));
  for (let place = 0; place < STEPS * STEPS; place++) {
    const copy = square.slice();
    const [row, column] = [Math.floor(place / STEPS), place % STEPS];
    for (let y = cut(side, row); y < cut(side, row + COVER); y++) {
      for (let x = cut(side, column); x < cut(side, column + COVER); x++) copy.set(colour, 3 * (y * side + x));
    }
    yield copy;
  }
}

function mean(square, channel) {
  let sum = 0;
  for (let place = channel; place < square.length; place += 3) sum += square[place];
  return sum / (square.length / 3);
}

/** As NumPy rounds: halves to the even number. */
function evenly(value) {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low % 2) : Math.round(value);
}

/** How much less probable a class became where each part was covered. */
export function evidence(before, after) {
  const [total, covers] = [0, 0].map(() => Array.from({ length: PARTS }, () => new Array(PARTS).fill(0)));
  after.forEach((value, place) => {
    const lost = Math.log(Math.max(before, LEAST)) - Math.log(Math.max(value, LEAST));
    for (let down = 0; down < COVER; down++) {
      for (let right = 0; right < COVER; right++) {
        const [row, column] = [Math.floor(place / STEPS) + down, (place % STEPS) + right];
        total[row][column] += lost;
        covers[row][column] += 1;
      }
    }
  });
  return total.map((sums, row) => sums.map((sum, column) => sum / covers[row][column]));
}
