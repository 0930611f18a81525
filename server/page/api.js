// api.js: asks the server, with the key where one is needed, and knows whether it is there.

const KEY = 'pipilo-key';
const TRIES = 5;
const BUSY = [429, 503];
const LONGEST_PAUSE = 30; // seconds, whatever the server says

// status 0: there was no answer. `pause`: seconds after which asking again is welcome, 0 where it is of no use.
export class Failure extends Error {
  constructor(status, message, pause = 0) {
    super(message);
    this.status = status;
    this.pause = pause;
  }
}

// 'away', 'back': the server stopped answering, and answers again. 'key': it wants a key.
export const events = new EventTarget();
let isAway = false;

function setAway(away) {
  if (away === isAway) return;
  isAway = away;
  events.dispatchEvent(new Event(away ? 'away' : 'back'));
}

export function whenBack() {
  if (!isAway) return Promise.resolve();
  return new Promise((resolve) => { events.addEventListener('back', resolve, { once: true }); });
}

// Where the browser lets a page keep nothing, the key lives as long as the page.
let key = '';
try {
  key = sessionStorage.getItem(KEY) ?? '';
} catch { /* none is kept */ }

export const hasKey = () => key !== '';

export function useKey(given) {
  // A header holds bytes: what is not ASCII goes as UTF-8, as it stands in the server's file.
  key = String.fromCharCode(...new TextEncoder().encode(given));
  try {
    sessionStorage.setItem(KEY, key);
  } catch { /* it is kept here alone */ }
}

export const pause = (seconds) => new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });

// One request; its answer, whatever the status.
export async function send(path, options = {}) {
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  try {
    const answer = await fetch(path, { ...options, headers });
    setAway(false);
    return answer;
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    setAway(true);
    throw new Failure(0, 'the server does not answer');
  }
}

async function failure(answer) {
  let message = `the server answered ${answer.status}`;
  try {
    const { error } = await answer.json();
    // Which of several it was: here there is one.
    message = error.message.startsWith(`${error.param}: `) ? error.message.slice(error.param.length + 2) : error.message;
  } catch { /* What stands between may answer something else than JSON. */ }
  if (answer.status === 401) events.dispatchEvent(new Event('key'));
  const wait = Math.min(Number(answer.headers.get('Retry-After')) || 1, LONGEST_PAUSE);
  return new Failure(answer.status, message, BUSY.includes(answer.status) ? wait : 0);
}

// A request that must succeed. Where too much waits already, memory is short or the server is about to go,
// it comes again when it is told to.
async function ask(path, { tries = TRIES, ...options } = {}) {
  for (let left = tries - 1; ; left--) {
    const answer = await send(path, options);
    if (answer.ok) return answer;
    const why = await failure(answer);
    if (!why.pause || !left) throw why;
    await pause(why.pause);
  }
}

async function read(kind, path, options) {
  const answer = await ask(path, options);
  try {
    return await answer[kind]();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    if (error.name === 'SyntaxError') throw new Failure(answer.status, 'something else than pipilo answered');
    setAway(true);
    throw new Failure(0, 'the server broke off its answer');
  }
}

export const askJson = (path, options) => read('json', path, options);
export const askBlob = (path, options) => read('blob', path, options);

export const postJson = (path, body, options) => askJson(path, {
  ...options, method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
});
