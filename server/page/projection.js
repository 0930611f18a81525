// projection.js: vectors to points in the plane: the two directions in which they differ most (PCA).
// A few directions are sought together, from chance ones (Halko, Martinsson, Tropp 2011): the work is
// the same for every store, and what is noise in all directions takes no longer.

const TOGETHER = 12; // directions
const ROUNDS = 6;
const SWEEPS = 12;

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

// Axes of length 1 at right angles to one another that span what these do; what is left of none is dropped.
function straighten(axes) {
  const out = [];
  for (const axis of axes) {
    const before = Math.sqrt(dot(axis, axis));
    // Twice, as once leaves what rounding left.
    for (const other of [...out, ...out]) {
      const share = dot(axis, other);
      for (let i = 0; i < axis.length; i++) axis[i] -= share * other[i];
    }
    const length = Math.sqrt(dot(axis, axis));
    if (length > 1e-9 * before) out.push(axis.map((one) => one / length));
  }
  return out;
}

// Turns rows and columns p, q of a symmetric matrix so that its entry there is 0, and the columns of `turned` with them.
function rotate(matrix, turned, p, q) {
  if (matrix[p][q] === 0) return;
  const angle = Math.atan2(2 * matrix[p][q], matrix[q][q] - matrix[p][p]) / 2;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  for (const row of [...matrix, ...turned]) [row[p], row[q]] = [c * row[p] - s * row[q], s * row[p] + c * row[q]];
  const [a, b] = [matrix[p], matrix[q]];
  matrix[p] = a.map((one, i) => c * one - s * b[i]);
  matrix[q] = a.map((one, i) => s * one + c * b[i]);
}

// The eigenvectors of a small symmetric matrix, that of the largest eigenvalue first (Jacobi).
function eigenvectors(matrix) {
  const turned = matrix.map((row, i) => row.map((_, j) => Number(i === j)));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let p = 0; p < matrix.length; p++) {
      for (let q = p + 1; q < matrix.length; q++) rotate(matrix, turned, p, q);
    }
  }
  const order = matrix.map((_, i) => i).sort((a, b) => matrix[b][b] - matrix[a][a]);
  return order.map((i) => turned.map((row) => row[i]));
}

// Chance, the same each time, so that a store's map stays as it is.
function chance(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function mainAxes(data, dim) {
  const any = chance(1);
  let axes = straighten(Array.from({ length: Math.min(TOGETHER, dim) }, () => Float64Array.from({ length: dim }, any)));
  for (let round = 0; round < ROUNDS; round++) axes = straighten(axes.map((axis) => covariance(data, dim, axis)));
  const images = axes.map((axis) => covariance(data, dim, axis));
  const parts = eigenvectors(axes.map((axis) => images.map((image) => dot(axis, image))));
  return parts.slice(0, 2).map((part) => Float64Array.from({ length: dim }, (_, i) => (
    part.reduce((sum, share, which) => sum + share * axes[which][i], 0))));
}

// {rows, x, y} of `vectors`, a Float32Array of rows of `dim` numbers.
export function project(vectors, dim) {
  const { kept, data } = prepare(vectors, dim);
  const axes = mainAxes(data, dim);
  const [x, y] = [0, 1].map((i) => (axes[i] ? along(data, dim, axes[i]) : new Float64Array(kept.length)));
  return { rows: kept, x, y };
}
