// live.js: what the server does now: rate, latency, memory against its thresholds.
import { events, send } from './api.js';
import { buckets, parse, quantile, requests, value } from './metrics.js';

const EVERY = 2; // seconds
const PATIENCE = 10; // seconds, after which a server that says nothing is away
const KEPT = 60; // readings
const WINDOW = 5; // readings that latency is taken over
const SVG = 'http://www.w3.org/2000/svg';
const STATES = ['in order', 'above its first threshold', 'above its second threshold', 'critical: new pictures are refused'];
const readings = [];
const shown = {};
let begun = 0; // when the server's process did

function draw(name, attributes) {
  const shape = document.createElementNS(SVG, name);
  for (const [key, word] of Object.entries(attributes)) shape.setAttribute(key, word);
  return shape;
}

function addFigure(id, title, width) {
  const term = document.createElement('dt');
  const room = document.createElement('div');
  const body = document.createElement('dd');
  const text = document.createElement('span');
  const note = document.createElement('span');
  const drawing = draw('svg', { viewBox: `0 0 ${width} 24`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  term.textContent = title;
  text.className = 'value';
  text.textContent = '–';
  note.className = 'note';
  room.className = id === 'memory' ? 'wide' : '';
  body.id = `figure-${id}`;
  body.append(text, drawing, note);
  room.append(term, body);
  document.getElementById('figures').append(room);
  shown[id] = { text, drawing, note };
}

function curve(id, values) {
  const top = Math.max(...values, 1e-9);
  const points = values.map((one, at) => `${(at + KEPT - values.length) * 2},${23 - 21 * (one ?? 0) / top}`);
  shown[id].drawing.replaceChildren(draw('polyline', { class: 'line', points: points.join(' ') }));
}

const milliseconds = (seconds) => (seconds === null ? '–' : `${(seconds * 1000).toPrecision(seconds < 1 ? 2 : 3) * 1} ms`);

export function bytes(count) {
  if (count < 1e6) return `${Math.round(count / 1e3)} kB`;
  return count < 1e9 ? `${Math.round(count / 1e6)} MB` : `${(count / 1e9).toFixed(1)} GB`;
}

function showRates() {
  const perSecond = (of) => readings.slice(1).map((now, at) => Math.max(0, (of(now) - of(readings[at])) / (now.time - readings[at].time)));
  const rate = perSecond((one) => requests(one.metrics));
  const pictures = perSecond((one) => value(one.metrics, 'pipilo_batch_pictures_sum'));
  if (!rate.length) return;
  shown.rate.text.textContent = `${rate.at(-1).toFixed(1)} / s`;
  curve('rate', rate);
  shown.pictures.text.textContent = `${pictures.at(-1).toFixed(1)} / s`;
  curve('pictures', pictures);
}

function showLatency() {
  const at = (now, share) => quantile(buckets(readings[Math.max(0, now - WINDOW)].metrics, 'total'),
    buckets(readings[now].metrics, 'total'), share);
  const last = readings.length - 1;
  if (last < 1) return;
  const most = at(last, 0.99);
  shown.latency.text.textContent = milliseconds(at(last, 0.5));
  shown.latency.note.textContent = most === null ? 'nobody asked lately' : `99 of 100 within ${milliseconds(most)}`;
  curve('latency', readings.slice(1).map((_, now) => at(now + 1, 0.5)));
}

function showMemory(metrics) {
  const of = (name) => value(metrics, `pipilo_memory_${name}`);
  const total = of('total_bytes');
  const used = of('used_bytes') || of('anonymous_bytes');
  const state = of('state');
  shown.memory.text.textContent = total ? `${bytes(used)} of ${bytes(total)}` : bytes(used);
  if (!total) return;
  const thresholds = ['soft_bytes', 'hard_bytes', 'critical_bytes'].map(of).filter((one) => one > 0);
  shown.memory.drawing.replaceChildren(
    draw('rect', { class: 'bar', x: 0, y: 6, width: 400, height: 12 }),
    draw('rect', { class: 'used', 'data-state': state, x: 0, y: 6, width: Math.min(400, 400 * used / total), height: 12 }),
    ...thresholds.map((one) => draw('path', { class: 'tick', d: `M${400 * one / total} 2V22` })));
  shown.memory.note.textContent = `${STATES[state] ?? ''}; thresholds ${thresholds.map(bytes).join(', ')}`;
}

function say(state, text) {
  const said = document.getElementById('state');
  said.dataset.state = state;
  // A screen reader speaks of it only where it changed.
  if (said.textContent !== text) said.textContent = text;
}

async function look() {
  // Whether the server is ready is for everybody to know; the rest may need a key.
  const soon = { signal: AbortSignal.timeout(PATIENCE * 1000) };
  const ready = await send('health/ready', soon);
  if (ready.ok) say('ready', 'ready');
  else say('busy', (await ready.json()).error.message);
  const answer = await send('metrics', soon);
  if (!answer.ok) return;
  const metrics = parse(await answer.text());
  const process = value(metrics, 'process_start_time_seconds');
  // Another process, that may have another store, came too soon for anybody to see it gone.
  if (begun && begun !== process) events.dispatchEvent(new Event('back'));
  if (begun !== process) readings.length = 0;
  begun = process;
  readings.push({ time: performance.now() / 1000, metrics });
  if (readings.length > KEPT) readings.shift();
  showRates();
  showLatency();
  showMemory(metrics);
  const queue = value(metrics, 'pipilo_queue_bytes');
  const waiting = readings.map((one) => value(one.metrics, 'pipilo_waiting_pictures'));
  shown.waiting.text.textContent = String(waiting.at(-1));
  curve('waiting', waiting);
  shown.waiting.note.textContent = `${bytes(queue)} of requests held`;
}

export function startLive() {
  addFigure('rate', 'Requests', 120);
  addFigure('pictures', 'Pictures', 120);
  addFigure('latency', 'Latency, median', 120);
  addFigure('waiting', 'Pictures waiting', 120);
  addFigure('memory', 'Memory', 400);
  events.addEventListener('back', () => { begun = 0; });
  events.addEventListener('away', () => say('away', 'the server is away; this page waits for it'));
  async function again() {
    // Nobody looks at a tab that is hidden.
    if (document.hidden) {
      await new Promise((resolve) => { document.addEventListener('visibilitychange', resolve, { once: true }); });
    }
    try {
      await look();
    } catch (failure) {
      if (failure.status !== 0) say('busy', failure.message);
    }
    setTimeout(again, EVERY * 1000);
  }
  again();
}
