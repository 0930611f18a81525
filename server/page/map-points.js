// map-points.js: fetches vectors of the store, of a sample where it is large, and has them projected.
import { askBytes, askJson } from './api.js';

const MOST = 3000; // rows on the map
const STRETCHES = 60; // that a sample is taken in

// [first, count] of what is asked for: all, or stretches spread evenly.
export function stretches(rows) {
  if (rows <= MOST) {
    return rows ? [[0, rows]] : [];
  }
  const length = MOST / STRETCHES;
  return Array.from({ length: STRETCHES }, (_, i) => [Math.floor(i * (rows - length) / (STRETCHES - 1)), length]);
}

async function fetchVectors(rows, dim) {
  const wanted = stretches(rows);
  const numbers = [];
  const parts = [];
  for (const [first, count] of wanted) {
    const part = new Float32Array(await askBytes(`v1/vectors?first=${first}&count=${count}`));
    for (let i = 0; i < part.length / dim; i++) numbers.push(first + i);
    parts.push(part);
  }
  const vectors = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    vectors.set(part, at);
    at += part.length;
  }
  return { numbers, vectors };
}

function inWorker(vectors, dim) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./map-worker.js', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }) => { worker.terminate(); resolve(data); };
    worker.onerror = () => { worker.terminate(); reject(new Error('the map could not be made')); };
    worker.postMessage({ vectors, dim }, [vectors.buffer]);
  });
}

// Around the middle of what they span, and how far they reach from it.
function centred(places) {
  const least = places.reduce((a, b) => Math.min(a, b), Infinity);
  const most = places.reduce((a, b) => Math.max(a, b), -Infinity);
  return { places: places.map((one) => one - (least + most) / 2), reach: (most - least) / 2 };
}

// {points: [{row, x, y}] between -1 and 1, rows: of the store, sampled: not all of them, model, dim}
export async function fetchPoints() {
  const { rows, dim, model } = await askJson('v1/items?count=1');
  const { numbers, vectors } = await fetchVectors(rows, dim);
  const flat = await inWorker(vectors, dim);
  const [x, y] = [centred(flat.x), centred(flat.y)];
  const reach = Math.max(x.reach, y.reach, 1e-9);
  const points = flat.rows.map((index, i) => ({ row: numbers[index], x: x.places[i] / reach, y: y.places[i] / reach }));
  return { points, rows, sampled: rows > MOST, model, dim };
}
