// projection.js: vectors to points in the plane: the two directions in which they differ most (PCA).

const MOST_ROUNDS = 200;
const CLOSE = 1e-7;

// Directions count, lengths do not; rows that hold no vector (NaN) are left out.
// {kept: indexes of the rows, data: their vectors, of length 1 and around their mean}
export function prepare(vectors, dim) {
  const kept = [];
  for (let row = 0; row < vectors.length / dim; row++) {
    let sum = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) sum += vectors[i] * vectors[i];
    if (sum > 0 && sum < Infinity) kept.push({ row, length: Math.sqrt(sum) });
  }
  const data = new Float32Array(kept.length * dim);
  const mean = new Float64Array(dim);
  kept.forEach(({ row, length }, at) => {
    for (let i = 0; i < dim; i++) {
      data[at * dim + i] = vectors[row * dim + i] / length;
      mean[i] += data[at * dim + i] / kept.length;
    }
  });
  for (let i = 0; i < data.length; i++) data[i] -= mean[i % dim];
  return { kept: kept.map(({ row }) => row), data };
}

// data · axis
function along(data, dim, axis) {
  const places = new Float64Array(data.length / dim);
  for (let row = 0; row < places.length; row++) {
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += data[row * dim + i] * axis[i];
    places[row] = sum;
  }
  return places;
}

// dataᵀ · data · axis
function covariance(data, dim, axis) {
  const places = along(data, dim, axis);
  const out = new Float64Array(dim);
  for (let row = 0; row < places.length; row++) {
    for (let i = 0; i < dim; i++) out[i] += data[row * dim + i] * places[row];
  }
  return out;
}

const dot = (a, b) => a.reduce((sum, one, i) => sum + one * b[i], 0);

// Makes `axis` of length 1 and at right angles to `others`; false where nothing is left of it.
function straighten(axis, others) {
  for (const other of others) {
    const share = dot(axis, other);
    for (let i = 0; i < axis.length; i++) axis[i] -= share * other[i];
  }
  const length = Math.sqrt(dot(axis, axis));
  if (!(length > 1e-12)) return false;
  for (let i = 0; i < axis.length; i++) axis[i] /= length;
  return true;
}

// The direction of most spread at right angles to `others`, by power iteration.
function mainAxis(data, dim, others) {
  let axis = Float64Array.from({ length: dim }, (_, i) => Math.cos(1 + i * (others.length + 1)));
  if (!straighten(axis, others)) return null;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = covariance(data, dim, axis);
    if (!straighten(next, others)) return null;
    const change = 1 - Math.abs(dot(axis, next));
    axis = next;
    if (change < CLOSE * CLOSE) break;
  }
  return axis;
}

// {rows, x, y} of `vectors`, a Float32Array of rows of `dim` numbers.
export function project(vectors, dim) {
  const { kept, data } = prepare(vectors, dim);
  const axes = [];
  for (let i = 0; i < 2; i++) {
    const axis = kept.length ? mainAxis(data, dim, axes) : null;
    if (axis) axes.push(axis);
  }
  const flat = () => new Float64Array(kept.length);
  const [x, y] = [0, 1].map((i) => (axes[i] ? along(data, dim, axes[i]) : flat()));
  return { rows: kept, x, y };
}
