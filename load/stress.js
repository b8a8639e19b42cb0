// More and more, up to 250 people at once: where does it become slow?
import { flow, mayBeShed, sound } from './flow.js';

export const options = {
  stages: [
    { duration: '30s', target: 100 },
    { duration: '1m', target: 100 },
    { duration: '30s', target: 250 },
    { duration: '1m', target: 250 },
    { duration: '30s', target: 0 },
  ],
  thresholds: { ...sound, http_req_duration: ['p(95)<5000'], 'http_req_duration{name:feed}': ['p(95)<1000'] },
};

mayBeShed();

export default flow;
