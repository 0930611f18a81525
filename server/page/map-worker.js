// map-worker.js: projects beside the page, which stays at hand meanwhile.
import { project } from './projection.js';

onmessage = ({ data: { vectors, dim } }) => {
  postMessage(project(vectors, dim));
};
