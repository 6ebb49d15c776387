# SPDX-License-Identifier: Apache-2.0
# scripts/fleet: that Prometheus takes its files, and that exoprof answers what Parca and Alloy ask of
# a target with theirs, as they want it.

load helpers

fleet=$root/scripts/fleet

setup_file() {
	"$exoprof" check
	GO111MODULE=off GOFLAGS= GOCACHE=$BATS_FILE_TMPDIR/go go build -o "$BATS_FILE_TMPDIR/scrape" \
		"$BATS_TEST_DIRNAME/fleet_scrape.go"
}

# Debian's own python3 has the parser of YAML.
requests() {
	/usr/bin/python3 "$BATS_TEST_DIRNAME/fleet_requests.py" "$@"
}

# ask_as ENGINE FOLDER [INTERVAL]: all that it asks in one interval of its configuration, a line each in
# FOLDER.lines.
ask_as() {
	local file=$fleet/parca.yaml
	[ "$1" = parca ] || file=$fleet/exoprof.alloy
	requests "$file" "${3:-3}" > requests.json
	"$BATS_FILE_TMPDIR/scrape" "$1" "${URL%/debug/pprof/}" requests.json "$2" 2>&1 | tee "$2.lines"
	return "${PIPESTATUS[0]}"
}

# ids NAME FOLDER: the profile types that NAME's answer has.
ids() {
	sed -n "s/^$1 //p" "$2.lines" | cut -d' ' -f 4-
}

# In three scrapes in a row, and in all since the attach, of the value at $2 of kind $1.
adds_up() {
	local sum all
	sum=$(($(total "one/$1.pb.gz" "$2") + $(total "two/$1.pb.gz" "$2") + $(total "three/$1.pb.gz" "$2")))
	all=$(total "$3.pb.gz" "$2")
	echo "$1, value $2: $sum of $all; the second $(total "two/$1.pb.gz" "$2"), the third $(total "three/$1.pb.gz" "$2")"
	[ "$(total "two/$1.pb.gz" "$2")" -gt 0 ]
	[ "$(total "two/$1.pb.gz" "$2")" -lt "$all" ]
	# A row stands for more than its samples, and is rounded each time.
	between $((all * 999 / 1000 - 10)) "$sum" $((all * 1001 / 1000 + 10))
}

# deltas_add_up ENGINE HEAP: of demo-server under load; HEAP is what the engine calls delta_heap.
deltas_add_up() {
	local engine=$1 heap=$2 folder
	start_demo
	start_exoprof -p "$DEMO"
	start_load 30 /gc
	for folder in one two; do
		sleep 1
		ask_as "$engine" "$folder" 3
	done
	kill "$LOAD"
	sleep 1
	ask_as "$engine" three 3
	fetch heap.pb.gz heap
	adds_up "$heap" 1 heap
	adds_up "$heap" 2 heap
}

@test "Prometheus' configuration and rules are valid, and the rules do what they say" {
	cd "$fleet"
	# It looks for targets where a fleet has them.
	"$fleet/promtool" check config prometheus.yml
	"$fleet/promtool" check rules exoprof.rules.yml
	"$fleet/promtool" test rules exoprof.rules.test.yml
	"$fleet/promtool" check service-discovery --timeout=5s <(sed "s|/etc/exoprof/targets/.*.json|$fleet/targets.json|" \
		prometheus.yml | grep -v rule_files) exoprof > "$BATS_TEST_TMPDIR/found"
	grep -q '"service_name": "shop/cart"' "$BATS_TEST_TMPDIR/found"
}

@test "the rules name metrics that there are, with labels that they have" {
	start_idle
	start_exoprof -p "$TARGET"
	fetch heap.pb.gz heap
	curl -sSf -o m "${URL%/debug/pprof/}/metrics"
	"$fleet/promtool" check metrics < m
	grep -oE '\b(exoprof|process)_[a-z_]+\b' "$fleet/exoprof.rules.yml" | sort -u > named
	[ "$(wc -l < named)" -gt 10 ]
	local name
	while read -r name; do
		grep -qE "^$name[{ ]" m || case $name in
		# In names of recorded series, in texts, and the file's own.
		exoprof_cpu | exoprof_truncated_stacks | exoprof_lost_samples | exoprof_map_fill) ;;
		*) say_and_fail "there is no $name" ;;
		esac
	done < named
	grep -q '^exoprof_stacks_total{source="cpu",end="no_user_stack"}' m
	grep -q '^exoprof_http_requests_total{path="/debug/pprof/heap",code="200"}' m
}

@test "the files for Parca and Alloy ask for what they say" {
	requests "$fleet/parca.yaml" | jq -r '.[] | "\(.path) \(.timeout)"' | sort > asked
	diff - asked <<- END
		/debug/pprof/delta_block 65
		/debug/pprof/delta_heap 65
		/debug/pprof/delta_mutex 65
		/debug/pprof/heap 65
		/debug/pprof/profile?seconds=60 65
	END
	requests "$fleet/exoprof.alloy" | jq -r '.[] | "\(.path) \(.timeout)"' | sort > asked
	diff - asked <<- END
		/debug/pprof/delta_block 10
		/debug/pprof/delta_heap 10
		/debug/pprof/delta_mutex 10
		/debug/pprof/profile?seconds=59 69
	END
	requests "$fleet/kubernetes.alloy"
	sed 's/scrape_interval/scrape_intervall/' "$fleet/exoprof.alloy" > bad.alloy
	not requests bad.alloy
}

# has_lines FILE: docs/fleet.md has each of it.
has_lines() {
	local line
	[ "$(wc -l < "$1")" -gt 3 ]
	while IFS= read -r line; do
		[ -z "$line" ] || grep -qxF -- "$line" "$root/docs/fleet.md" || say_and_fail "docs/fleet.md has no: $line"
	done < "$1"
}

@test "docs/fleet.md has the figures that were measured, and what is computed from them" {
	"$fleet/measure" --print > measured
	"$fleet/size" | grep '^|' > computed
	has_lines measured
	has_lines computed
}

# size_row OPTION...: the last row of the table, without its bars.
size_row() {
	"$fleet/size" --measured figures --program p "$@" | tail -n 1 | sed 's/^| //; s/ |$//; s/ | /;/g'
}

@test "a fleet's size is what its figures make" {
	printf 'p\t%s\n' $'cpu_10s\t1000\t4000\t9' $'cpu_60s\t6000\t24000\t9' $'delta_heap\t2000\t3000\t9' \
		$'exoprof\t2\t60\t30\t1' > figures
	# 600 targets: a scrape of two kinds a minute each, 8,000 bytes gzipped and 27,000 not.
	[ "$(size_row --hosts 1200 --targets-per-host 2 --one-in 4 --kinds cpu,delta_heap --retention 10 --stored 2)" = \
		'1,200;600;20;600;80 kB/s;270 kB/s;6.91 GB;138 GB;3,600;12' ]
	# It grows with its time here; what it is at half of it, and with bytes of one's own.
	[ "$(size_row --hosts 1 --interval 30 --kinds cpu)" = '1;1;0.0333;1;100 B/s;400 B/s;8.64 MB;121 MB;2;0.02' ]
	[ "$(size_row --hosts 1 --kinds delta_heap --bytes delta_heap=60000)" = \
		'1;1;0.0167;0;1 kB/s;1.5 kB/s;86.4 MB;1.21 GB;4;0.02' ]
	local wrong
	for wrong in '--kinds nosuch' '--kinds cpu --bytes heap=1' '--interval 0' '--program q'; do
		not "$fleet/size" --measured figures --program p $wrong
	done
}

@test "Parca: every answer is taken, in time, of the types that it shows, and differences add up" {
	deltas_add_up parca allocs
	[ "$(ids memory two)" = 'memory:inuse_objects:count:space:bytes memory:inuse_space:bytes:space:bytes' ]
	[ "$(ids allocs two)" = 'allocs:alloc_objects:count:space:bytes:delta allocs:alloc_space:bytes:space:bytes:delta' ]
	[ "$(ids process_cpu two)" = 'process_cpu:samples:count:cpu:nanoseconds:delta process_cpu:cpu:nanoseconds:cpu:nanoseconds:delta' ]
	[ "$(ids block two)" = 'block:contentions:count:contentions:count:delta block:delay:nanoseconds:contentions:count:delta' ]
	[ "$(ids mutex two)" = 'mutex:contentions:count:contentions:count:delta mutex:delay:nanoseconds:contentions:count:delta' ]
	[ "$(total two/process_cpu.pb.gz 1)" -gt 50 ]
	# Its time is the interval's, so that the next request follows at once; in time is within 6 s.
	between 2.9 "$(awk '$1 == "process_cpu" { print $2 }' two.lines)" 6
}

@test "Alloy: every answer is taken, in time, with all types of Pyroscope's, and differences add up" {
	deltas_add_up alloy memory
	[ "$(ids memory two | tr ' ' '\n' | sed 's/:delta$//' | sort | tr '\n' ' ')" = \
		'memory:alloc_objects:count:space:bytes memory:alloc_space:bytes:space:bytes memory:inuse_objects:count:space:bytes memory:inuse_space:bytes:space:bytes ' ]
	[ "$(ids process_cpu two)" = 'process_cpu:samples:count:cpu:nanoseconds:delta process_cpu:cpu:nanoseconds:cpu:nanoseconds:delta' ]
	[ "$(ids block two)" = 'block:contentions:count:contentions:count:delta block:delay:nanoseconds:contentions:count:delta' ]
	# What is in use is there as it is, not as a difference.
	top two/memory.pb.gz inuse_space | grep -q gc_heavy_handler
	between 1.9 "$(awk '$1 == "process_cpu" { print $2 }' two.lines)" 12
}

@test "waits add up: of block, from one scrape of Alloy's to the next" {
	start_fed naps "$targets/naps" nap 4 20000
	start_exoprof -p "$TARGET"
	printf 1 >&4
	local folder
	for folder in one two; do
		sleep 1
		ask_as alloy "$folder"
	done
	kill -STOP "$TARGET"
	sleep 0.3
	ask_as alloy three
	fetch block.pb.gz block
	local sum=0
	for folder in one two three; do
		sum=$((sum + $(total $folder/block.pb.gz 1)))
	done
	echo "$sum of $(total block.pb.gz 1)"
	[ "$(total two/block.pb.gz 1)" -gt 10 ]
	between $((sum - 5)) "$(total block.pb.gz 1)" $((sum + 5))
	kill -CONT "$TARGET"
}

@test "with parameters of its own a job of theirs gives seconds to all kinds: delta_ does not mind" {
	start_idle
	start_exoprof -p "$TARGET"
	local kind
	for kind in heap block mutex; do
		answer 200 "/debug/pprof/delta_$kind?seconds=14" --max-time 5
		answer 200 "/debug/pprof/delta_$kind?gc=1&seconds=60&seconds=60" --max-time 5
	done
}

@test "idle, and right after the start, nothing is refused as empty" {
	start_idle
	start_exoprof -p "$TARGET"
	ask_as alloy one
	ask_as parca two
}

@test "by TLS with a client's certificate, and HTTP/2" {
	start_idle
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out cert -subj /CN=all -days 2 \
		-addext subjectAltName=IP:127.0.0.1 -addext extendedKeyUsage=serverAuth,clientAuth 2> /dev/null
	start_exoprof -p "$TARGET" --tls-cert cert --tls-key key --tls-client-ca cert
	CA=cert CERT=cert KEY=key ask_as alloy one
	not ask_as alloy two
}
