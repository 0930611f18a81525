// drop.js: what is dropped on the page: one picture is searched by, several or a folder are offered
// to the store.
import { searchPicture } from './search.js';
import { offer } from './upload.js';

// A folder or file that cannot be read is left out.
const unread = () => [];
const asked = (call) => new Promise((resolve, reject) => { call(resolve, reject); });

// The files below a folder, each with its path.
async function filesOf(entry) {
  if (entry.isFile) {
    const file = await asked((resolve, reject) => entry.file(resolve, reject));
    file.path = entry.fullPath.replace(/^\//, '');
    return [file];
  }
  const reader = entry.createReader();
  const files = [];
  // A reader gives its entries a hundred at a time.
  for (;;) {
    const entries = await asked((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return files;
    for (const one of entries) {
      for (const file of await filesOf(one).catch(unread)) files.push(file);
    }
  }
}

async function dropped(transfer) {
  // Both are gone once the event is over.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...transfer.files];
  if (files.length === 1 && !entries.some((entry) => entry.isDirectory)) {
    searchPicture(files[0]);
  } else if (entries.length) {
    offer((await Promise.all(entries.map((entry) => filesOf(entry).catch(unread)))).flat());
  } else if (files.length) {
    offer(files);
  }
}

export function startDrop() {
  const mark = (on) => document.body.classList.toggle('over', on);
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    mark(true);
  });
  document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) mark(false); });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    mark(false);
    if (document.getElementById('search').hidden) return;
    dropped(event.dataTransfer);
  });
}
