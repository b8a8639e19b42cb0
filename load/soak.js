// 50 people for an hour, or for SOAK_TIME: does memory stay where it was?
import { flow, sound } from './flow.js';

const time = __ENV.SOAK_TIME || '1h';

export const options = {
  stages: [
    { duration: '30s', target: 50 },
    { duration: time, target: 50 },
    { duration: '10s', target: 0 },
  ],
  thresholds: { ...sound, http_req_duration: ['p(95)<1500'], 'http_req_duration{name:feed}': ['p(95)<500'] },
};

export default flow;
