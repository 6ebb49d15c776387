# SPDX-License-Identifier: Apache-2.0
# What other tools say of addresses, in the form of names_profile.awk.
#
#	nm -S --defined-only PROGRAM > symbols
#	addr2line -a -i -f -e PROGRAM < addresses > binutils
#	eu-addr2line -a -i -f -e PROGRAM < addresses > elfutils
#	awk -v tools=TOOLS -f names_truth.awk symbols binutils elfutils
#
# They are right in different things, and where they differ this goes by what the programs' sources
# show:
# - The functions inlined at an address, and each one's file and line: of both, which must agree, or
#   else the line comes out as "DISAGREE". But where there is no line, binutils takes an object's name
#   from the symbol table for the file's; and code of clang has no .debug_aranges, and eu-addr2line
#   without it no answers: TOOLS is "binutils" for it, and else "both".
# - The name of an inlined function: eu-addr2line's. Where debug information has no linkage name for
#   one, as for what is local to a C++ file, binutils gives it the name of the symbol that it is in.
# - The name of the function that they are inlined in: the symbol's. Neither has it always: both take
#   the short name where there is no linkage name, binutils if anything is inlined, eu-addr2line in
#   any case. A clone of the compiler's has a suffix, which here is cut off. Of several symbols for the
#   same bytes it is the shortest, as with exoprof.
# - With "symbols" or "exports" for TOOLS there is no debug information to be had, so no file, no
#   line, and nothing inlined. Addresses that no symbol covers have the name "?".

function hex(text,    i, value) {
	sub(/^0x/, "", text)
	for (i = 1; i <= length(text); i++)
		value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
	return value + 0
}

# Unknown is "" and 0.
function place(text,    file, line) {
	sub(/ \(discriminator [0-9]+\)$/, "", text)
	# FILE:LINE:COLUMN
	if (text ~ /:[0-9]+:[0-9]+$/) sub(/:[0-9]+$/, "", text)
	file = line = text
	sub(/:[^:]*$/, "", file)
	sub(/.*:/, "", line)
	return (file == "??" ? "" : file) ":" line + 0
}

# The frames of one tool: count[tool, at] of them, function_of and place_of.
function read_tool(tool) {
	if (/^0x[0-9a-f]+$/) {
		at = hex($0)
		if (tool == "binutils") addresses[++address_count] = at
		is_place = 0
		return
	}
	if (is_place) {
		place_of[tool, at, count[tool, at]] = place($0)
	} else {
		sub(/ inlined at .*/, "")
		function_of[tool, at, ++count[tool, at]] = $0
	}
	is_place = !is_place
}

function symbol_at(at,    i, best) {
	for (i = 1; i <= symbols; i++) {
		if (at < first[i] || at >= end[i]) continue
		if (!best || first[i] > first[best] || length(symbol[i]) < length(symbol[best])) best = i
	}
	return best ? symbol[best] : "?"
}

function agree(at,    i, ours, theirs) {
	if (count["binutils", at] != count["elfutils", at]) return 0
	for (i = 1; i <= count["binutils", at]; i++) {
		ours = place_of["binutils", at, i]
		theirs = place_of["elfutils", at, i]
		if (ours != theirs && !(theirs == ":0" && ours ~ /^[^\/]*\.o:0$/)) return 0
	}
	return 1
}

function frames(at,    i, text, last, tool) {
	if (tools == "symbols" || tools == "exports") return "\t" symbol_at(at) "|:0"
	if (tools == "both" && !agree(at)) return "\tDISAGREE"
	tool = tools == "both" ? "elfutils" : "binutils"
	last = count[tool, at]
	for (i = 1; i < last; i++)
		text = text "\t" function_of[tool, at, i] "|" place_of[tool, at, i]
	return text "\t" symbol_at(at) "|" place_of[tool, at, last]
}

FNR == 1 { file_number++ }

file_number == 1 && NF == 4 && $3 ~ /^[tTwW]$/ {
	first[++symbols] = hex($1)
	end[symbols] = first[symbols] + hex($2)
	sub(/(\.(constprop|isra|part|cold)(\.[0-9]+)?)+$/, "", $4)
	symbol[symbols] = $4
}
file_number == 2 { read_tool("binutils") }
file_number == 3 { read_tool("elfutils") }

END {
	for (n = 1; n <= address_count; n++)
		printf "0x%x%s\n", addresses[n], frames(addresses[n])
}
