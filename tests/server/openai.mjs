// Asks for vectors with OpenAI's own package: node openai.mjs PACKAGES URL MODEL FILE...
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const [packages, url, model, ...files] = process.argv.slice(2);
const { default: OpenAI } = await import(createRequire(packages + '/').resolve('openai'));
const client = new OpenAI({ baseURL: url + '/v1', apiKey: 'none', maxRetries: 0 });
const input = [];
for (const file of files) {
  input.push('data:image/jpeg;base64,' + (await readFile(file)).toString('base64'));
}
// By itself the client asks for base64 and decodes it.
const plain = await client.embeddings.create({ model, input });
const floats = await client.embeddings.create({ model, input, encoding_format: 'float' });
const errors = [];
for (const wrong of [{ model: 'gpt', input }, { model, input: 'a text' }]) {
  try {
    await client.embeddings.create(wrong);
  } catch (error) {
    errors.push({ name: error.constructor.name, status: error.status, param: error.param });
  }
}
const models = [];
for await (const one of client.models.list()) {
  models.push(one.id);
}
console.log(JSON.stringify({
  plain: plain.data.map((one) => Array.from(one.embedding)),
  floats: floats.data.map((one) => one.embedding),
  errors,
  models,
}));
