// map-moves.js: what hands do on the map, as moves: mouse, fingers, wheel and keys.

const LINE = 16; // pixels that a wheel's line is worth
const STILL = 5; // pixels a click may move
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function startPointers(canvas, moves) {
  const held = new Map(); // pointer -> [x, y]
  let moved = 0;
  const spread = () => {
    const [[ax, ay], [bx, by]] = held.values();
    return [Math.hypot(ax - bx, ay - by), (ax + bx) / 2, (ay + by) / 2];
  };
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, [event.offsetX, event.offsetY]);
    if (held.size === 1) moved = 0;
  });
  canvas.addEventListener('pointermove', (event) => {
    const last = held.get(event.pointerId);
    if (!last) {
      moves.hover(event.offsetX, event.offsetY);
      return;
    }
    const before = held.size === 2 ? spread() : null;
    held.set(event.pointerId, [event.offsetX, event.offsetY]);
    moved += Math.hypot(event.offsetX - last[0], event.offsetY - last[1]);
    if (held.size === 1) {
      if (moved > STILL) moves.pan(event.offsetX - last[0], event.offsetY - last[1]);
    } else if (before) {
      const [width, x, y] = spread();
      moves.pan(x - before[1], y - before[2]);
      if (before[0] > 0) moves.zoom(width / before[0], x, y);
    }
  });
  canvas.addEventListener('pointerup', (event) => {
    if (held.size === 1 && moved <= STILL) moves.click(event.offsetX, event.offsetY);
    held.delete(event.pointerId);
  });
  canvas.addEventListener('pointercancel', (event) => held.delete(event.pointerId));
  canvas.addEventListener('pointerleave', (event) => {
    if (event.pointerType === 'mouse' && !held.size) moves.leave();
  });
}

function startKeys(canvas, moves) {
  canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (ARROWS[event.key]) moves.step(...ARROWS[event.key]);
    else if (event.key === '+' || event.key === '=') moves.zoom(1.6);
    else if (event.key === '-') moves.zoom(1 / 1.6);
    else if (event.key === '0') moves.fit();
    else if (event.key === 'Enter') moves.enter();
    else if (event.key === 'Escape') moves.leave();
    else return;
    event.preventDefault();
  });
}

export function startMoves(canvas, moves) {
  startPointers(canvas, moves);
  startKeys(canvas, moves);
  canvas.addEventListener('wheel', (event) => {
    event.preventDefault();
    const turned = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * LINE;
    moves.zoom(Math.exp(-turned / 400), event.offsetX, event.offsetY);
  }, { passive: false });
}
