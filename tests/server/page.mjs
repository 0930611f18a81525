// page.mjs: what the page's modules that touch no page make of what is given, for test_serve_page.py.
// usage: node page.mjs FOLDER, JSON on standard input; the modules are in FOLDER as .mjs.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [folder] = process.argv.slice(2);
const get = (name) => import(pathToFileURL(`${folder}/${name}.mjs`));
const { parse, value, requests, quantile } = await get('metrics');
const given = JSON.parse(readFileSync(0, 'utf8'));

console.log(JSON.stringify({
  metrics: (given.metrics ?? []).map((text) => {
    const read = parse(text);
    return { read, requests: requests(read), sums: Object.fromEntries(Object.keys(read).map((name) => [name, value(read, name)])) };
  }),
  quantiles: (given.quantiles ?? []).map(({ before, now, share }) => quantile(before, now, share)),
}));
