// upload.js: adds pictures to the store, a few at a time, and says of each that was not.
import { ask, askJson, whenBack } from './api.js';
import { bytes } from './live.js';

const AT_ONCE = 3;
const PAGE = 1000;
const PICTURE = /\.(jpe?g|png|webp|gif|tiff?|bmp|heic|heif|avif)$/i;
const element = (id) => document.getElementById(id);

let files = [];
let stopped = false;
let running = false;
let onEnd = () => {};

const nameOf = (file) => file.path || file.webkitRelativePath || file.name;

function say(text) {
  element('upload-said').textContent = text;
}

function addError(name, message) {
  const item = document.createElement('li');
  const bold = document.createElement('b');
  bold.textContent = name;
  item.append(bold, ` ${message}`);
  element('upload-errors').append(item);
  element('upload-errors').hidden = false;
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
  for (let lost = false; ; lost = true) {
    try {
      if (lost && await isThere(nameOf(file), first)) return;
      if (lost && stopped) throw new Error('the server went away before it answered');
      await ask(`v1/items?source=${encodeURIComponent(nameOf(file))}`, {
        method: 'POST', body: file, headers: { 'Content-Type': 'application/octet-stream' },
      });
      return;
    } catch (failure) {
      if (failure.status !== 0) throw failure;
      // A file that cannot be read looks like a server that is away.
      await file.slice(0, 1).arrayBuffer();
      await whenBack();
    }
  }
}

async function work(queue, first, tally) {
  while (queue.length && !stopped) {
    const file = queue.shift();
    try {
      await add(file, first);
      tally.added++;
    } catch (failure) {
      tally.failed++;
      addError(nameOf(file), failure.message);
    }
    element('upload-done').value = tally.added + tally.failed;
    say(`${tally.added} of ${files.length} added${tally.failed ? `, ${tally.failed} not` : ''}`);
  }
}

function showRunning(on) {
  running = on;
  element('upload-start').hidden = true;
  element('upload-stop').hidden = !on;
  for (const id of ['pick-folder', 'pick-files']) element(id).disabled = on;
}

async function start() {
  const tally = { added: 0, failed: 0 };
  stopped = false;
  element('upload-errors').replaceChildren();
  element('upload-errors').hidden = true;
  Object.assign(element('upload-done'), { value: 0, max: files.length, hidden: false });
  showRunning(true);
  element('upload-stop').focus();
  try {
    const first = (await askJson('v1/items?count=1')).rows;
    const queue = [...files];
    await Promise.all(Array.from({ length: AT_ONCE }, () => work(queue, first, tally)));
    say(`${stopped ? 'Stopped: ' : ''}${tally.added} added${tally.failed ? `, ${tally.failed} not` : ''}.`);
  } catch (failure) {
    say(failure.message);
  }
  showRunning(false);
  element('pick-folder').focus();
  if (tally.added) onEnd();
}

// Shows what was chosen; nothing is sent before it is said so.
export function offer(list) {
  if (running) return;
  files = list.filter((file) => file.type.startsWith('image/') || PICTURE.test(file.name));
  const others = list.length - files.length;
  const size = files.reduce((sum, file) => sum + file.size, 0);
  say(`${files.length} pictures, ${bytes(size)}${others ? `; ${others} other files are left out` : ''}.`);
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
  element('upload-stop').addEventListener('click', () => { stopped = true; });
}
