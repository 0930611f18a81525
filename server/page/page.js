// page.js: starts the parts of the page and tells them of one another.
import { events, hasKey, useKey } from './api.js';
import { startDrop } from './drop.js';
import { startLive } from './live.js';
import { loadMap, markFound, startMap } from './map.js';
import { searchAgain, searchRow, startSearch } from './search.js';
import { forget } from './thumbnails.js';
import { startUpload } from './upload.js';

const element = (id) => document.getElementById(id);

async function load() {
  const { made, failure } = await loadMap();
  if (made) element('about').textContent = `${made.model}, ${made.dim} values a picture`;
  // Without a store there are the figures alone.
  const none = failure?.status === 404;
  if (!made && !none) return;
  element('no-store').hidden = !none;
  element('no-store-why').textContent = failure?.message ?? '';
  for (const id of ['search', 'map', 'upload']) element(id).hidden = none;
}

function loadAll() {
  forget();
  load();
  searchAgain();
}

function startKey() {
  const form = element('key-form');
  events.addEventListener('key', () => {
    if (!form.hidden) return;
    if (hasKey()) element('key-help').textContent = 'The server does not know that key. Keys are given out by who runs it.';
    form.hidden = false;
    element('key').focus();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    useKey(element('key').value.trim());
    element('key').value = '';
    form.hidden = true;
    loadAll();
  });
}

startKey();
startMap(searchRow);
startSearch(markFound);
startUpload(load);
startDrop();
startLive();
events.addEventListener('back', loadAll);
load();
