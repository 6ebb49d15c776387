-- SPDX-License-Identifier: Apache-2.0
-- For wrk: which paths are asked for, by weight, and a line of results. The environment has both
-- LOAD_MIX, such as fast=70,slow=20,gc=10, and LOAD_CONNECTIONS.
local ffi = require("ffi")

local requests = {}

-- One path alone wrk repeats without asking; else there is a request for each unit of weight.
function init()
	local mix = os.getenv("LOAD_MIX")
	if not mix:find(",") then
		wrk.path = "/" .. mix:match("%w+")
		return
	end
	for name, weight in mix:gmatch("(%w+)=(%d+)") do
		local text = wrk.format("GET", "/" .. name)
		for _ = 1, tonumber(weight) do requests[#requests + 1] = text end
	end
	request = function() return requests[math.random(#requests)] end
end

-- wrk "corrects" latencies: for each answer that took more than twice the mean it adds made-up ones
-- that took a mean less, twice, three times. That takes what is slow for a stall of the whole server;
-- /slow is slow by design. So they are taken off again, from the slowest down, which is exact. The
-- array can be read fast only where wrk has it: its src/stats.h (4.1).
ffi.cdef "typedef struct { uint64_t count, limit, min, max, data[]; } wrk_stats;"

local function as_measured(latency, summary)
	local stats = ffi.cast("wrk_stats **", latency)[0]
	local data, max = stats.data, tonumber(stats.max)
	local each = math.floor(summary.requests / os.getenv("LOAD_CONNECTIONS"))
	local mean = each > 0 and math.floor(summary.duration / each) or max
	for n = max, 2 * mean, -1 do
		local m = n - mean
		while data[n] > 0 and m > mean do
			data[m] = data[m] - data[n]
			m = m - mean
		end
	end
	return data, max
end

-- The sum shows whether it was the right array.
local function percentiles(latency, summary, ranks)
	local data, max = as_measured(latency, summary)
	local found, seen, next_rank = {}, 0, 1
	for us = 0, max do
		seen = seen + tonumber(data[us])
		while next_rank <= #ranks and data[us] > 0 and
			seen >= ranks[next_rank] * (summary.requests - summary.errors.timeout) do
			found[next_rank] = us
			next_rank = next_rank + 1
		end
	end
	assert(seen == summary.requests - summary.errors.timeout, "wrk counts latencies in another way")
	return found
end

function done(summary, latency)
	local e = summary.errors
	local found = percentiles(latency, summary, { 0.5, 0.9, 0.99, 1 })
	io.write("result\t", ("%.1f"):format(summary.requests / summary.duration * 1e6))
	for i = 1, 4 do io.write("\t", ("%.3f"):format((found[i] or 0) / 1000)) end
	io.write("\t", e.connect + e.read + e.write + e.status + e.timeout, "\n")
end
