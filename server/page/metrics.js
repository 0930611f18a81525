// metrics.js: reads Prometheus's text, and what two readings say of the time between them.

const LINE = /^(\w+)(?:\{(.*)\})? (\S+)$/;
// What the page itself asks for all the time is no load.
const OWN = new Set(['/metrics', '/health/ready', '/health/live', '/', '/page/*']);

// {name: [{labels, value}]}
export function parse(text) {
  const metrics = {};
  for (const line of text.split('\n')) {
    const match = LINE.exec(line);
    if (!match) continue;
    const labels = Object.fromEntries([...(match[2] || '').matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1], m[2]]));
    (metrics[match[1]] ??= []).push({ labels, value: Number(match[3]) });
  }
  return metrics;
}

export const value = (metrics, name) => (metrics[name] || []).reduce((sum, one) => sum + one.value, 0);

export const requests = (metrics) => (metrics.pipilo_requests_total || [])
  .filter((one) => !OWN.has(one.labels.route)).reduce((sum, one) => sum + one.value, 0);

export function buckets(metrics, stage) {
  return (metrics.pipilo_stage_seconds_bucket || []).filter((one) => one.labels.stage === stage)
    .map((one) => ({ upTo: one.labels.le === '+Inf' ? Infinity : Number(one.labels.le), count: one.value }));
}

// The time within which the share `share` of what came between two readings was done, in seconds;
// null where nothing came. Within a bucket all times are taken to be as likely.
export function quantile(before, now, share) {
  const counts = now.map((bucket, at) => bucket.count - (before[at]?.count ?? 0));
  const all = counts.at(-1);
  if (!(all > 0)) return null;
  const at = counts.findIndex((count) => count >= share * all);
  const below = at > 0 ? now[at - 1].upTo : 0;
  if (now[at].upTo === Infinity) return below;
  const lower = at > 0 ? counts[at - 1] : 0;
  return below + (now[at].upTo - below) * (share * all - lower) / (counts[at] - lower);
}
