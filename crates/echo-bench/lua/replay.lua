-- Sends the requests of a file in turn, over and over, and at the end prints what came of it as one line of JSON.
--
-- Arguments: the file (for each request its length, a line feed, its bytes), the number of threads, and the pause before
-- each request in milliseconds, on average; 0 is none.

local number = 0

function setup(thread)
  thread:set("thread_number", number)
  number = number + 1
end

local requests, at = {}, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local length = file:read("*n")
  while length do
    file:read(1)
    requests[#requests + 1] = file:read(length)
    length = file:read("*n")
  end
  file:close()
  -- Each thread starts elsewhere.
  at = math.floor(#requests * thread_number / tonumber(args[2]))

  local pause = tonumber(args[3])
  if pause > 0 then
    function delay() return math.random(0, 2 * pause) end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local line = '{"requests":%d,"micros":%d,"failed":%d,"p50_micros":%d,"p99_micros":%d}\n'
  io.write(line:format(summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
