-- For wrk: cycles over prepared requests. Its argument is a folder with the file "headers"
-- ("Name: value" in each line) and the bodies "0", "1", "2", …

local requests, position = {}, 0

local function read(path)
   local file = io.open(path, "rb")
   if not file then return nil end
   local content = file:read("*a")
   file:close()
   return content
end

function init(args)
   local headers = {}
   for line in io.lines(args[1] .. "/headers") do
      local name, value = line:match("^(.-): (.*)$")
      headers[name] = value
   end
   local body = read(args[1] .. "/0")
   while body do
      requests[#requests + 1] = wrk.format("POST", nil, headers, body)
      body = read(args[1] .. "/" .. #requests)
   end
end

function request()
   position = position % #requests + 1
   return requests[position]
end

-- Durations are in microseconds.
function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\nRESULT {"microseconds": %d, "responses": %d, "status": %d, "socket": %d, "p50": %d, "p99": %d}\n',
      summary.duration, summary.requests, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50), latency:percentile(99)))
end
