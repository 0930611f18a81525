// upload.js: adds pictures to the store, a few at a time, and says of each that was not.
import { askJson, pause, whenBack } from './api.js';
import { bytes } from './live.js';

const AT_ONCE = 3;
const PAGE = 1000;
const MOST_ERRORS = 200; // listed
const SAID_EVERY = 5000; // milliseconds, to who cannot see the bar
const FOR_ALL = [401, 403, 404, 409]; // what is so for one picture is so for each
const PICTURE = /\.(jpe?g|png|webp|gif|tiff?|bmp|heic|heif|avif)$/i;
const element = (id) => document.getElementById(id);

let files = [];
let stop = new AbortController();
let stopped = Promise.resolve(); // when `stop` says so
let running = false;
let saidAt = 0;
let onEnd = () => {};

const nameOf = (file) => file.path || file.webkitRelativePath || file.name;

function say(text) {
  element('upload-said').textContent = text;
}

function sayProgress(tally) {
  const done = tally.added + tally.failed;
  const text = `${tally.added} of ${files.length} added${tally.failed ? `, ${tally.failed} not` : ''}`;
  Object.assign(element('upload-done'), { value: done });
  element('upload-count').textContent = text;
  if (performance.now() - saidAt < SAID_EVERY) return;
  saidAt = performance.now();
  element('upload-aloud').textContent = text;
}

function addError(name, message) {
  if (element('upload-errors').childElementCount === MOST_ERRORS) return;
  const item = document.createElement('li');
  const bold = document.createElement('b');
  bold.textContent = name;
  bold.dir = 'auto'; // what turns the name's direction ends with it
  item.append(bold, ` ${message}`);
  element('upload-errors').append(item);
  element('upload-errors').hidden = false;
  if (element('upload-errors').childElementCount < MOST_ERRORS) return;
  const last = document.createElement('li');
  last.textContent = `The first ${MOST_ERRORS - 1} are shown.`;
  item.replaceWith(last);
}

// Whether a row of this name was added since the store had `first` rows.
async function isThere(source, first) {
  for (let at = first; ; at += PAGE) {
    const { rows, data } = await askJson(`v1/items?first=${at}&count=${PAGE}`);
    if (data.some((row) => row.source === source)) return true;
    if (at + PAGE >= rows) return false;
  }
}

// Where the answer was lost, the picture may be in the store all the same: it is looked for first.
async function add(file, first) {
  let lost = false;
  for (;;) {
    try {
      if (lost && await isThere(nameOf(file), first)) return;
      await askJson(`v1/items?source=${encodeURIComponent(nameOf(file))}`, {
        method: 'POST', body: file, headers: { 'Content-Type': 'application/octet-stream' }, tries: 1,
      });
      return;
    } catch (failure) {
      lost ||= failure.status === 0;
      if (failure.status !== 0 && !failure.pause) throw failure;
      // A file that cannot be read looks like a server that is away.
      if (lost) await file.slice(0, 1).arrayBuffer();
      await Promise.race([failure.pause ? pause(failure.pause) : whenBack(), stopped]);
      if (stop.signal.aborted) throw lost ? new Error('may be there or not: the server went away') : failure;
    }
  }
}

async function work(queue, first, tally) {
  while (queue.length && !stop.signal.aborted) {
    const file = queue.shift();
    try {
      await add(file, first);
      tally.added++;
    } catch (failure) {
      if (FOR_ALL.includes(failure.status)) throw failure;
      tally.failed++;
      addError(nameOf(file), failure.message);
    }
    sayProgress(tally);
  }
}

function showRunning(on) {
  running = on;
  element('upload-start').hidden = true;
  element('upload-stop').hidden = !on;
  element('upload-count').hidden = !on;
  element('upload-aloud').textContent = '';
  for (const id of ['pick-folder', 'pick-files']) element(id).disabled = on;
}

// What Stop left can be added later.
function offerRest(left) {
  files = left;
  element('upload-start').hidden = !left.length;
  element('upload-start').textContent = `Add the other ${left.length}`;
}

async function start() {
  const tally = { added: 0, failed: 0 };
  stop = new AbortController();
  stopped = new Promise((resolve) => { stop.signal.addEventListener('abort', resolve); });
  saidAt = performance.now();
  element('upload-errors').replaceChildren();
  element('upload-errors').hidden = true;
  Object.assign(element('upload-done'), { value: 0, max: files.length, hidden: false });
  say('adding pictures');
  sayProgress(tally);
  showRunning(true);
  element('upload-stop').focus();
  let left = [];
  try {
    const first = (await askJson('v1/items?count=1')).rows;
    const queue = [...files];
    await Promise.all(Array.from({ length: AT_ONCE }, () => work(queue, first, tally)));
    left = queue;
    say(`${stop.signal.aborted ? 'Stopped: ' : ''}${tally.added} added${tally.failed ? `, ${tally.failed} not` : ''}.`);
  } catch (failure) {
    stop.abort();
    say(`${tally.added} added; the rest was left out: ${failure.message}`);
  }
  const held = document.activeElement === element('upload-stop');
  showRunning(false);
  offerRest(left);
  if (held) element(left.length ? 'upload-start' : 'pick-folder').focus();
  if (tally.added) onEnd();
}

// Shows what was chosen; nothing is sent before it is said so.
export function offer(list) {
  if (running) {
    say('Still adding pictures: what you drop now is left out. Drop it again when they are there.');
    return;
  }
  files = list.filter((file) => file.type.startsWith('image/') || PICTURE.test(file.name));
  const others = list.length - files.length;
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const left = others ? `${others} other ${others === 1 ? 'file is' : 'files are'} left out` : '';
  if (files.length) say(`${files.length} ${files.length === 1 ? 'picture' : 'pictures'}, ${bytes(size)}${left && `; ${left}`}.`);
  else say(`There are no pictures here that can be read${left && `; ${left}`}.`);
  element('upload-start').hidden = !files.length;
  element('upload-start').textContent = `Add ${files.length} to the store`;
  element('upload-done').hidden = true;
  if (files.length) element('upload-start').focus();
}

export function startUpload(ended) {
  onEnd = ended;
  for (const [button, id] of [['pick-folder', 'folder'], ['pick-files', 'files']]) {
    const input = element(id);
    element(button).addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      offer([...input.files]);
      input.value = '';
    });
  }
  element('upload-start').addEventListener('click', start);
  element('upload-stop').addEventListener('click', () => {
    stop.abort();
    say('stopping: what is under way is finished first');
  });
}
