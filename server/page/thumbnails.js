// thumbnails.js: the thumbnails of the store's rows. An <img> sends no key, so they are fetched.
import { askBlob } from './api.js';

const MOST = 600;
const known = new Map(); // row -> a promise of its URL, or of null where there is none

let stores = 0; // that were looked at

async function load(row) {
  const mine = stores;
  try {
    const blob = await askBlob(`v1/items/${row}/thumbnail`);
    return mine === stores ? URL.createObjectURL(blob) : null;
  } catch (failure) {
    // What failed for want of the server is asked for again.
    if (failure.status !== 404 && mine === stores) known.delete(row);
    return null;
  }
}

export function thumbnail(row) {
  if (!known.has(row)) known.set(row, load(row));
  if (known.size > MOST) {
    const [oldest, url] = known.entries().next().value;
    known.delete(oldest);
    url.then((address) => { if (address) URL.revokeObjectURL(address); });
  }
  return known.get(row);
}

// Shows a row in an <img>; a row without a thumbnail leaves it empty.
export async function show(image, row) {
  image.dataset.row = row;
  image.hidden = true;
  const url = await thumbnail(row);
  if (!url || image.dataset.row !== String(row)) return;
  image.src = url;
  image.hidden = false;
}

// Another store may be behind the same address now.
export function forget() {
  stores++;
  known.forEach((url) => url.then((address) => { if (address) URL.revokeObjectURL(address); }));
  known.clear();
}

export const baseName = (source) => source.split(/[/\\]/).pop() || source;
