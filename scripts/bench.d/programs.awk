# SPDX-License-Identifier: Apache-2.0
# Of `go tool pprof -raw`: how many samples have whole stacks, how many of their frames have names.
# -v name= what the row begins with, -v files= a file with those that have symbols of all functions.
BEGIN {
	while ((getline file < files) > 0) has_symbols[file] = 1
}
/^Samples:/ { part = "samples"; getline; next }
/^Locations/ { part = "locations"; next }
/^Mappings/ { part = "mappings"; next }
part == "samples" && /^ *[0-9][0-9 ]*:/ {
	split($0, halves, ":")
	count[++n] = halves[1] + 0
	stack[n] = halves[2]
}
# "12: 0x7f0c8d M=3 name file:12 s=10"; inlined frames' callers have lines of their own.
part == "locations" && /^ *[0-9]+: / {
	id = $1 + 0
	mapping[id] = $3 ~ /^M=/ ? substr($3, 3) : 0
	frame[id] = $3 ~ /^M=/ ? $4 : $3
}
part == "mappings" { sub(":", "", $1); path[$1] = $3 }
END {
	for (i = 1; i <= n; i++) {
		all += count[i]
		depth = split(stack[i], ids, " ")
		if (frame[ids[depth]] ~ /^\[(truncated|lost)/) cut += count[i]
		for (j = 1; j <= depth; j++) {
			id = ids[j]
			if (frame[id] ~ /^\[(truncated|lost)/) continue
			is_named = frame[id] !~ /^\[.*\+0x/
			frames += count[i]
			named += is_named * count[i]
			if (!(path[mapping[id]] in has_symbols)) continue
			known += count[i]
			known_named += is_named * count[i]
			if (!is_named) missing[frame[id]] += count[i]
		}
	}
	printf "%s %d | %.2f%% | %.1f%% | %.2f%% |\n", name, all, 100 * (all - cut) / all,
		100 * named / frames, known ? 100 * known_named / known : 0
	for (f in missing) printf "  unnamed: %s %d\n", f, missing[f] > "/dev/stderr"
}
