// A busy day: 100 people at once, for two minutes.
import { flow, sound } from './flow.js';

export const options = {
  stages: [
    { duration: '10s', target: 100 },
    { duration: '1m40s', target: 100 },
    { duration: '10s', target: 0 },
  ],
  thresholds: { ...sound, http_req_duration: ['p(95)<2000'], 'http_req_duration{name:feed}': ['p(95)<500'] },
};

export default flow;
