-- SPDX-License-Identifier: GPL-2.0-or-later
-- wrk's result in one line of exact numbers, for bench/measures.bash.
function done(summary)
	local errors = 0
	for _, count in pairs(summary.errors) do
		errors = errors + count
	end
	io.write(string.format("requests %d bytes %d us %d errors %d\n",
		summary.requests, summary.bytes, summary.duration, errors))
end
