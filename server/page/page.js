// page.js: starts the parts of the page and tells them of one another.
import { events, useKey } from './api.js';
import { startDrop } from './drop.js';
import { startLive } from './live.js';
import { loadMap, markFound, startMap } from './map.js';
import { searchRow, startSearch } from './search.js';
import { forget } from './thumbnails.js';
import { startUpload } from './upload.js';

const element = (id) => document.getElementById(id);

async function load() {
  const store = await loadMap();
  element('about').textContent = store ? `${store.model}, ${store.dim} values a picture` : '';
}

function startKey() {
  const form = element('key-form');
  events.addEventListener('key', () => {
    if (!form.hidden) return;
    form.hidden = false;
    element('key').focus();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    useKey(element('key').value.trim());
    element('key').value = '';
    form.hidden = true;
    load();
  });
}

startKey();
startMap(searchRow);
startSearch(markFound);
startUpload(load);
startDrop();
startLive();
events.addEventListener('back', () => {
  forget();
  load();
});
load();
