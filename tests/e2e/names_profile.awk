# SPDX-License-Identifier: Apache-2.0
# What a profile says of the addresses of the program itself, each as its ELF file counts.
#
#	readelf -lW PROGRAM > segments; go tool pprof -raw -symbolize=none PROFILE > raw
#	awk -v which=WHICH -f names_profile.awk segments raw
#
# A line an address, its functions behind it, the innermost inlined one first. WHICH is "system" or
# "name", of which of the two names goes into
#
#	ADDRESS <tab> NAME|FILE:LINE <tab> NAME|FILE:LINE ...
#
# or "start", for a line a function, FILE:LINE <tab> NAME of where it begins. What has no name is "?"
# there, and "unnamed" gives ADDRESS <tab> [PROGRAM+0x...] for it.

function hex(text,    i, value) {
	text = tolower(text)
	sub(/^0x/, "", text)
	for (i = 1; i <= length(text); i++)
		value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
	return value + 0
}

# "NAME FILE:LINE s=START(SYSTEM)", without the last where it is the same.
function read_frame(text,    tail, at) {
	match(text, / [^ ]*:-?[0-9]+ s=-?[0-9]+(\(.*\))?$/)
	name = substr(text, 1, RSTART - 1)
	tail = substr(text, RSTART + 1)
	at = index(tail, " s=")
	place = substr(tail, 1, at - 1)
	tail = substr(tail, at + 3)
	at = index(tail, "(")
	start = at ? substr(tail, 1, at - 1) : tail
	system_name = at ? substr(tail, at + 1, length(tail) - at - 1) : name
	# A clone's symbol has a suffix that the source has not.
	sub(/(\.(constprop|isra|part|cold)(\.[0-9]+)?)+$/, "", system_name)
	sub(/ \[clone .*\]$/, "", name)
	sub(/(\.(constprop|isra|part|cold)(\.[0-9]+)?)+$/, "", name)
}

function add_frame(id, text,    file) {
	read_frame(text)
	file = place
	sub(/:[^:]*$/, "", file)
	if (name ~ /^\[.*[+]0x[0-9a-f]+\]$/) {
		unnamed[id] = name
		name = system_name = "?"
	}
	if (file != "") starts[id] = starts[id] file ":" start "\t" name "\n"
	frames[id] = frames[id] "\t" (which == "name" ? name : system_name) "|" place
}

function vaddr(address,    file_offset, i) {
	file_offset = address - mapping_start + mapping_offset
	for (i = 1; i <= segments; i++)
		if (offset[i] <= file_offset && file_offset < offset[i] + size[i])
			return file_offset - offset[i] + first[i]
	return -1
}

FNR == 1 { file_number++ }

file_number == 1 && $1 == "LOAD" {
	offset[++segments] = hex($2)
	first[segments] = hex($3)
	size[segments] = hex($5)
}
file_number == 1 { next }

/^Locations/ { part = "locations"; next }
/^Mappings/ { part = "mappings"; next }

part == "locations" && /^ *[0-9]+: 0x/ {
	id = ""
	if (!index($0, " M=1 ")) next
	id = $1
	address[id] = hex($2)
	sub(/^ *[0-9]+: 0x[0-9a-f]+ M=1 /, "")
	add_frame(id, $0)
	next
}
part == "locations" && id != "" {
	sub(/^ +/, "")
	add_frame(id, $0)
}

# "1: 0x55d0c0a00000/0x55d0c0a01000/0x1000 /path BUILD_ID [FN][FL][LN][IN]"
part == "mappings" && $1 == "1:" {
	split($2, parts, "/")
	mapping_start = hex(parts[1])
	mapping_offset = hex(parts[3])
}

END {
	for (id in address) {
		at = sprintf("0x%x", vaddr(address[id]))
		if (which == "start") printf "%s", starts[id]
		else if (which != "unnamed") print at frames[id]
		else if (id in unnamed) print at "\t" unnamed[id]
	}
}
