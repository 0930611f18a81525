// search.js: a picture or a row of the store, and what lies nearest to it.
import { askJson, postJson } from './api.js';
import { baseName, show } from './thumbnails.js';

const COUNT = 24;
const element = (id) => document.getElementById(id);

let picture = null; // the file that was searched by last
let pictureUrl = ''; // of it
let running = new AbortController();
let found = () => {}; // told the rows that were found
let wanted = false; // who asked looks elsewhere, and wants to be shown

function say(text, bad = false) {
  const said = element('search-said');
  said.textContent = text;
  said.toggleAttribute('data-bad', bad);
}

function hitButton(hit) {
  const button = document.createElement('button');
  const room = document.createElement('span');
  const image = document.createElement('img');
  const words = document.createElement('span');
  const name = document.createElement('span');
  const score = document.createElement('span');
  button.type = 'button';
  button.dataset.row = hit.row;
  button.title = hit.source;
  image.alt = '';
  room.className = 'room';
  words.className = 'words';
  name.className = 'name';
  name.dir = 'auto';
  score.className = 'score';
  name.textContent = baseName(hit.source);
  score.textContent = hit.score.toFixed(3);
  room.append(image);
  words.append(name, score);
  button.append(room, words);
  button.addEventListener('click', () => searchRow(hit.row));
  show(image, hit.row);
  return button;
}

function showHits(hits) {
  // Who chose one of the old goes on from the first of the new.
  const held = element('hits').contains(document.activeElement);
  element('hits').replaceChildren(...hits.map((hit) => {
    const item = document.createElement('li');
    item.append(hitButton(hit));
    return item;
  }));
  if (held) element('hits').querySelector('button')?.focus();
  say(hits.length ? `The ${hits.length} nearest, with their scores. Choose one to search from it.`
    : 'The store holds nothing yet: add pictures first.');
  found(hits.map((hit) => hit.row));
}

// Scrolls to what was found where none of it is in sight. The focus stays where it is.
function bringIntoView() {
  if (!wanted) return;
  wanted = false;
  const { top, bottom } = (element('hits').querySelector('button') ?? element('search-said')).getBoundingClientRect();
  if (bottom > 0 && top < innerHeight) return;
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  element('search-said').scrollIntoView({ block: 'start', behavior: still ? 'auto' : 'smooth' });
}

// `request` asks; an answer that another search overtook is dropped.
async function run(request) {
  running.abort();
  const mine = running = new AbortController();
  say('searching');
  try {
    const answer = await request(mine.signal);
    if (mine === running) showHits(answer.data[0].hits);
  } catch (failure) {
    if (mine !== running) return;
    element('hits').replaceChildren();
    found([]);
    say(failure.message, true);
  }
  if (mine === running) bringIntoView();
}

function showPicture(file) {
  const image = element('query-picture');
  URL.revokeObjectURL(pictureUrl);
  pictureUrl = URL.createObjectURL(file);
  delete image.dataset.row;
  image.hidden = false;
  // The server reads kinds of pictures that the browser may not.
  image.onerror = () => { image.hidden = true; };
  image.src = pictureUrl;
  element('query-name').textContent = file.name || 'a pasted picture';
  element('query-name').title = element('query-name').textContent;
  element('query').hidden = false;
}

function runPicture() {
  showPicture(picture);
  return run((signal) => askJson(`v1/search?k=${COUNT}`, {
    method: 'POST', body: picture, signal, headers: { 'Content-Type': 'application/octet-stream' },
  }));
}

function runRow(row) {
  element('query').hidden = false;
  element('query-name').textContent = `row ${row}`;
  show(element('query-picture'), row);
  askJson(`v1/items/${row}`).then((item) => {
    if (rowOfAddress() === row) element('query-name').textContent = baseName(item.source);
  }, () => {}); // the search itself says what is wrong
  return run((signal) => postJson('v1/search', { row, k: COUNT }, { signal }));
}

function rowOfAddress() {
  const match = /^#row=(\d+)$/.exec(location.hash);
  return match ? Number(match[1]) : null;
}

// The address says what is searched by, so that "back" goes back.
export function searchAgain() {
  const row = rowOfAddress();
  if (row !== null) runRow(row);
  else if (picture) runPicture();
}

// `shown`: what is found is brought into view.
export function searchRow(row, shown = false) {
  wanted = shown;
  if (rowOfAddress() === row) runRow(row);
  else location.hash = `row=${row}`;
}

export function searchPicture(file) {
  picture = file;
  wanted = false;
  if (rowOfAddress() !== null) history.pushState(null, '', location.pathname + location.search);
  return runPicture();
}

export function startSearch(onFound) {
  found = onFound;
  const input = element('picture');
  element('pick').addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    if (input.files.length) searchPicture(input.files[0]);
    input.value = '';
  });
  window.addEventListener('hashchange', searchAgain);
  document.addEventListener('paste', (event) => {
    const file = [...event.clipboardData.files].find((one) => one.type.startsWith('image/'));
    if (file) searchPicture(file);
  });
  searchAgain();
}
