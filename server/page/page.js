// page.js: what the server says of itself.
'use strict';

async function show() {
  const state = document.getElementById('state');
  const models = document.getElementById('models');
  try {
    const ready = await fetch('health/ready');
    state.textContent = ready.ok ? 'ready' : (await ready.json()).error.message;
    const list = await (await fetch('v1/models')).json();
    models.replaceChildren(...list.data.map((model) => {
      const item = document.createElement('li');
      item.textContent = `${model.id}: ${model.dimensions} values a picture`;
      return item;
    }));
  } catch (error) {
    state.textContent = `the server does not answer: ${error.message}`;
  }
}

show();
