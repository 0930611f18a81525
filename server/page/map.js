// map.js: the store as a plane to wander in: drawing, and choosing pictures by hand or by keys.
import { askJson } from './api.js';
import { fetchPoints } from './map-points.js';
import { startMoves } from './map-moves.js';
import { baseName, show, thumbnail } from './thumbnails.js';

const REACH = 14; // pixels around a point that still mean it
const MOST_PICTURES = 60; // shown as pictures, where no more than that are in sight
const MOST_KEPT = 4 * MOST_PICTURES; // in memory
const PICTURE = 56; // pixels
const REST = 80; // milliseconds that a hand rests on a point before it is asked about
const element = (id) => document.getElementById(id);
const canvas = element('map-canvas');
const pictures = new Map(); // row -> a picture that is loaded, or null

let points = [];
let found = new Set();
let chosen = null; // the point that the card speaks of
let view = { x: 0, y: 0, zoom: 1 };
let onChoose = () => {};
let waiting = false;
let loads = 0;

// --- places ---------------------------------------------------------------------------------------

const scale = () => view.zoom * (Math.min(canvas.clientWidth, canvas.clientHeight) / 2 - PICTURE / 2);
const placeOf = (point) => [
  canvas.clientWidth / 2 + (point.x - view.x) * scale(), canvas.clientHeight / 2 - (point.y - view.y) * scale()];

function inSight(point) {
  const [x, y] = placeOf(point);
  return x > -PICTURE && y > -PICTURE && x < canvas.clientWidth + PICTURE && y < canvas.clientHeight + PICTURE;
}

function pointAt(x, y, reach) {
  let best = null;
  let least = reach;
  for (const point of points) {
    const [px, py] = placeOf(point);
    const far = Math.hypot(px - x, py - y);
    if (far < least) [best, least] = [point, far];
  }
  return best;
}

// --- drawing --------------------------------------------------------------------------------------

async function loadPicture(row) {
  if (pictures.has(row)) return;
  pictures.set(row, null);
  if (pictures.size > MOST_KEPT) pictures.delete(pictures.keys().next().value);
  const url = await thumbnail(row);
  if (!url) return;
  const image = new Image();
  image.src = url;
  await image.decode();
  if (pictures.has(row)) pictures.set(row, image);
  draw();
}

function drawPoint(brush, colours, point, asPicture) {
  const [x, y] = placeOf(point);
  const mark = point === chosen || found.has(point.row);
  const image = asPicture && pictures.get(point.row);
  if (image) {
    const size = PICTURE / Math.max(image.width, image.height);
    const [w, h] = [image.width * size, image.height * size];
    brush.drawImage(image, x - w / 2, y - h / 2, w, h);
    brush.strokeStyle = mark ? colours.chosen : colours.line;
    brush.lineWidth = mark ? 3 : 1;
    brush.strokeRect(x - w / 2, y - h / 2, w, h);
    return;
  }
  if (asPicture) loadPicture(point.row).catch(() => {});
  brush.fillStyle = mark ? colours.chosen : colours.dot;
  brush.beginPath();
  brush.arc(x, y, mark ? 6 : 3.5, 0, 7);
  brush.fill();
}

function drawNow() {
  waiting = false;
  const style = getComputedStyle(document.documentElement);
  const colours = Object.fromEntries(['dot', 'chosen', 'line'].map((name) => [name, style.getPropertyValue(`--${name}`)]));
  const ratio = window.devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  const brush = canvas.getContext('2d');
  brush.scale(ratio, ratio);
  const seen = points.filter(inSight);
  const asPictures = seen.length <= MOST_PICTURES;
  const marked = (point) => point === chosen || found.has(point.row);
  // What is marked lies on top.
  for (const point of seen.filter((one) => !marked(one))) drawPoint(brush, colours, point, asPictures);
  for (const point of seen.filter(marked)) drawPoint(brush, colours, point, asPictures);
  placeCard();
}

function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(drawNow);
}

function placeCard() {
  const card = element('map-card');
  card.hidden = chosen === null || !inSight(chosen);
  if (card.hidden) return;
  const [x, y] = placeOf(chosen);
  const right = canvas.clientWidth - card.offsetWidth - 4;
  card.style.left = `${Math.max(4, Math.min(right, x + PICTURE / 2))}px`;
  card.style.top = `${Math.max(4, Math.min(canvas.clientHeight - card.offsetHeight - 4, y - 40))}px`;
}

// --- choosing -------------------------------------------------------------------------------------

async function choose(point, aloud = false) {
  if (point === chosen) return;
  chosen = point;
  draw();
  if (!point) return;
  element('map-picture').hidden = true;
  element('map-name').textContent = `row ${point.row}`;
  await new Promise((resolve) => { setTimeout(resolve, REST); });
  if (chosen !== point) return;
  show(element('map-picture'), point.row).then(draw);
  askJson(`v1/items/${point.row}`).then((item) => {
    if (chosen !== point) return;
    element('map-name').textContent = baseName(item.source);
    if (aloud) element('map-at').textContent = `${baseName(item.source)}, row ${point.row}`;
  }, () => {}); // away: the row's number says enough until it is back
}

// The next point in a direction: near, and not far off the line.
function step(dx, dy) {
  const from = chosen ?? pointAt(canvas.clientWidth / 2, canvas.clientHeight / 2, Infinity);
  let best = chosen ? null : from;
  let least = Infinity;
  for (const point of chosen ? points : []) {
    const ahead = (point.x - from.x) * dx - (point.y - from.y) * dy;
    const aside = Math.abs((point.x - from.x) * dy + (point.y - from.y) * dx);
    if (ahead > 0 && ahead + 2 * aside < least) [best, least] = [point, ahead + 2 * aside];
  }
  if (!best) return;
  choose(best, true);
  const [x, y] = placeOf(best);
  if (x < 0 || y < 0 || x > canvas.clientWidth || y > canvas.clientHeight) Object.assign(view, { x: best.x, y: best.y });
}

// Around a place: the chosen point's where there is none, or the middle.
function zoom(by, x, y) {
  if (x === undefined) [x, y] = chosen ? placeOf(chosen) : [canvas.clientWidth / 2, canvas.clientHeight / 2];
  const before = scale();
  view.zoom = Math.max(0.5, Math.min(400, view.zoom * by));
  // What lies under the pointer stays there.
  view.x += (x - canvas.clientWidth / 2) * (1 / before - 1 / scale());
  view.y -= (y - canvas.clientHeight / 2) * (1 / before - 1 / scale());
  draw();
}

function fit() {
  view = { x: 0, y: 0, zoom: 1 };
  draw();
}

const moves = {
  pan(dx, dy) {
    view.x -= dx / scale();
    view.y += dy / scale();
    draw();
  },
  zoom,
  fit,
  step,
  hover: (x, y) => choose(pointAt(x, y, REACH * 2)),
  leave: () => choose(null),
  click(x, y) {
    choose(pointAt(x, y, REACH * 2));
    if (chosen) onChoose(chosen.row, true);
  },
  enter() { if (chosen) onChoose(chosen.row); },
};

// --- from outside ---------------------------------------------------------------------------------

// Fetches the store anew: {made} of it, or the {failure}; neither where a later call overtook this one.
export async function loadMap() {
  const count = element('map-count');
  const mine = ++loads;
  count.textContent = 'making the map';
  count.removeAttribute('data-bad');
  try {
    const made = await fetchPoints();
    if (mine !== loads) return {};
    points = made.points;
    chosen = null;
    pictures.clear();
    const words = (number) => number.toLocaleString('en');
    const which = made.sampled ? ', a sample from all over the store' : '';
    count.textContent = made.rows ? `${words(points.length)} of ${words(made.rows)} pictures${which}` : 'the store holds nothing yet';
    draw();
    return { made };
  } catch (failure) {
    if (mine !== loads) return {};
    count.textContent = failure.message;
    count.toggleAttribute('data-bad', true);
    return { failure };
  }
}

export function markFound(rows) {
  found = new Set(rows);
  draw();
}

export function startMap(choosing) {
  onChoose = choosing;
  startMoves(canvas, moves);
  element('zoom-in').addEventListener('click', () => zoom(1.6));
  element('zoom-out').addEventListener('click', () => zoom(1 / 1.6));
  element('zoom-fit').addEventListener('click', fit);
  element('map-again').addEventListener('click', loadMap);
  new ResizeObserver(draw).observe(canvas);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
}
