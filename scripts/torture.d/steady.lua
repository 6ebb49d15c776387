-- SPDX-License-Identifier: Apache-2.0
-- wrk's script for a server that is busy but not overloaded: each connection waits 20 ms between its
-- requests, and one request in ten allocates, megabytes of it.
local sent = 0

function delay()
	return 20
end

function request()
	sent = sent + 1
	return wrk.format("GET", sent % 10 == 0 and "/gc" or "/fast")
end
