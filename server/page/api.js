// api.js: asks the server, with the key where one is needed, and knows whether it is there.

const KEY = 'pipilo-key';
const TRIES = 5;
const BUSY = [429, 503];

// status 0: there was no answer.
export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
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

export function useKey(key) {
  sessionStorage.setItem(KEY, key);
}

export const pause = (seconds) => new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });

// One request; its answer, whatever the status.
export async function send(path, options = {}) {
  const key = sessionStorage.getItem(KEY);
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
    message = (await answer.json()).error.message;
  } catch { /* What stands between may answer something else than JSON. */ }
  if (answer.status === 401) events.dispatchEvent(new Event('key'));
  return new Failure(answer.status, message);
}

// A request that must succeed. Where too much waits already, memory is short or the server is about to go,
// it comes again when it is told to.
export async function ask(path, options) {
  for (let tries = 1; ; tries++) {
    const answer = await send(path, options);
    if (answer.ok) return answer;
    if (!BUSY.includes(answer.status) || tries === TRIES) throw await failure(answer);
    await pause(Number(answer.headers.get('Retry-After')) || 1);
  }
}

export const askJson = async (path, options) => (await ask(path, options)).json();

export const postJson = (path, body, options) => askJson(path, {
  ...options, method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
});
