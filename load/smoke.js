// Two people, three times each: does the flow work at all? Part of scripts/test.
import { flow, sound } from './flow.js';

export const options = {
  scenarios: { smoke: { executor: 'per-vu-iterations', vus: 2, iterations: 3, maxDuration: '30s' } },
  thresholds: { ...sound },
};

export default flow;
