// What one person does, as in the first Echo's load test: sign in, look at the feed, publish two texts and a picture of
// about 100 kB, look at a profile. Each scenario is a file that says how many do this, and what must come of it.
//
// BASE_URL     where Echo is [http://localhost:8000]
// USERS        how many test users `echod seed --k6` made [500]
// THINK_TIME   seconds between two steps [1]; 0 sends the next request at once
// PICTURE      the file to upload [picture.png, which load/picture makes]
import { check, group, sleep } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter } from 'k6/metrics';

const base = __ENV.BASE_URL || 'http://localhost:8000';
const users = Number(__ENV.USERS || 500);
const thinkTime = Number(__ENV.THINK_TIME || 1);
const picture = open(__ENV.PICTURE || 'picture.png', 'b');

// Requests that were turned away with 503 and a Retry-After: more came than Echo has room for.
const shed = new Counter('shed');

// What must be true of every scenario: each reply is as it should be, and fails for no one.
export const sound = { checks: ['rate==1'], http_req_failed: ['rate==0'] };

// For scenarios that ask for more than a machine can give: being turned away, and told when to come again, is no failure.
export function mayBeShed() {
  http.setResponseCallback(http.expectedStatuses({ min: 200, max: 299 }, 503));
}

export function flow() {
  const user = 1 + ((exec.vu.idInTest - 1) % users);
  const session = step('login', 'POST', '/api/auth/login', 200, {
    body: JSON.stringify({ email: `testuser${user}@example.com`, password: 'password123' }),
    headers: { 'Content-Type': 'application/json' },
  });
  if (!session) return;
  const headers = { Authorization: `Bearer ${session.accessToken}` };

  step('feed', 'GET', '/api/posts?limit=10', 200, { headers }, (data) => data.posts.length === 10);
  step('publish', 'POST', '/api/posts', 201, { headers, body: newPost() }, (data) => data.content.length === 3);
  step('profile', 'GET', `/api/users/${session._id}`, 200, { headers }, (data) => data.posts.length > 0);
}

// One request and the pause after it. Gives what the reply is about, or nothing when Echo turned it away.
function step(name, method, path, status, { body, headers }, isRight = () => true) {
  return group(name, () => {
    const reply = http.request(method, base + path, body, { headers, tags: { name } });
    const turnedAway = reply.status === 503 && reply.headers['Retry-After'] !== undefined;
    if (turnedAway) {
      shed.add(1, { name });
      sleep(Number(reply.headers['Retry-After']));
      return undefined;
    }
    const data = reply.status === status ? reply.json('data') : undefined;
    check(reply, { [`${name}: ${status} and right`]: () => data !== undefined && isRight(data) });
    sleep(thinkTime);
    return data;
  });
}

function newPost() {
  return {
    'content[0][type]': 'text',
    'content[0][value]': `Load test, ${new Date().toISOString()}`,
    'content[1][type]': 'image',
    'content[1][value]': http.file(picture, 'picture.png', 'image/png'),
    'content[2][type]': 'text',
    'content[2][value]': 'That was the picture.',
  };
}
