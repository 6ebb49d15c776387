# SPDX-License-Identifier: Apache-2.0
# The page at /, used in a headless Chromium on a live server under load. What is done there is in
# tests/page/scenarios.mjs. Where SCREENSHOTS names a folder, pictures of the page are left in it.

load helpers

setup_file() {
	local page=$root/tests/page
	if [ ! -s "$root/build/web/page.js" ]; then
		echo "page.bats: exoprof was built without the page at / (is npm there?)" >&2
		return 1
	fi
	# As pinned by the lock file, which names no registry.
	mkdir -p "$root/build/page"
	cp "$page"/package*.json "$page"/.npmrc "$page"/*.mjs "$root/build/page"
	(cd "$root/build/page" && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline)
}

# What the page is of; PAGE is its address.
start_all() {
	start_demo
	start_load 150 /gc
	start_exoprof serve -p "$DEMO"
	PAGE=${URL%debug/pprof/}
}

# page NAME [URL]: the scenario.
page() {
	timeout 150 node "$root/build/page/scenarios.mjs" "$1" "${2:-$PAGE}"
}

is_idle() { [ "$(cpu_links)" -eq 0 ]; }

@test "a CPU profile is taken, zoomed and searched; its numbers are those of the file that pprof reads" {
	start_all
	page cpu
}

@test "two heaps are compared: colours and legend tell what has grown" {
	start_all
	page heap
}

@test "each tab shows a profile; theme and orientation outlive a reload" {
	start_all
	page tabs
}

@test "Cancel ends a CPU profile" {
	start_all
	start scenario timeout 150 node "$root/build/page/scenarios.mjs" cancel "$PAGE"
	wait_for 20 is_sampling
	touch cancel
	wait_for 20 grep -qx cancelled scenario.out || { cat scenario.out; false; }
	# The browser still runs: it is not its end that has closed the connection.
	wait_for 10 is_idle
	is_child "$STARTED"
	touch end
	wait_for 20 has_ended "$STARTED"
	wait "$STARTED" || { cat scenario.out; false; }
	[ "$(curl -sS "${PAGE}api/snapshots" | jq '.snapshots | length')" -eq 0 ]
}

@test "the keyboard is enough" {
	start_all
	page keys
}

@test "in both themes, at 1280 and 390 pixels: nothing sticks out, and axe finds nothing serious" {
	start_all
	page looks
}

@test "a profile of 50,000 nodes is zoomed and searched without long tasks" {
	run -0 page many "$root/build/web"
	echo "$output" | sed 's/^/# /' >&3
}

@test "slow answers, the way back, what has gone, and another exoprof at the same address" {
	run -0 page stories "$root/build/web"
	echo "$output"
}

@test "where all threads are idle, hiding that can be undone" {
	start_all
	end "$LOAD"
	page tabs
}
