// map-points.js: fetches the places of the store's rows, of a sample where it is large.
import { askJson } from './api.js';

const MOST = 3000; // rows on the map

// Around the middle of what they span, and how far they reach from it.
function centred(places) {
  const least = places.reduce((a, b) => Math.min(a, b), Infinity);
  const most = places.reduce((a, b) => Math.max(a, b), -Infinity);
  return { middle: (least + most) / 2, reach: (most - least) / 2 };
}

// {points: [{row, x, y}] between -1 and 1, rows: of the store, sampled: not all of them, model, dim}
export async function fetchPoints() {
  const { rows, dim, model, data } = await askJson(`v1/map?count=${MOST}`);
  const [x, y] = [centred(data.map((one) => one.x)), centred(data.map((one) => one.y))];
  const reach = Math.max(x.reach, y.reach, 1e-9);
  const points = data.map((one) => ({ row: one.row, x: (one.x - x.middle) / reach, y: (one.y - y.middle) / reach }));
  return { points, rows, sampled: rows > MOST, model, dim };
}
