// From 20 people to 500 within ten seconds, and back: do the admitted get their replies, and is it well afterwards?
import { flow, mayBeShed, sound } from './flow.js';

export const options = {
  stages: [
    { duration: '20s', target: 20 },
    { duration: '10s', target: 500 },
    { duration: '1m', target: 500 },
    { duration: '10s', target: 20 },
    { duration: '30s', target: 20 },
    { duration: '5s', target: 0 },
  ],
  thresholds: { ...sound, http_req_duration: ['p(95)<10000'], 'http_req_duration{name:feed}': ['p(95)<2000'] },
};

mayBeShed();

export default flow;
