# SPDX-License-Identifier: Apache-2.0
# How many samples have one of the chains of calls that the program says it has.
#
#	go tool pprof -raw PROFILE | awk -f unwind_match.awk CHAINS -
#
# CHAINS has lines "chain: ..."; tests/targets/unwind/chain.h tells what they mean. Kernel frames, on
# top of the user frames, do not count. The first line that comes out is
#
#	SAMPLES WHOLE EQUAL
#
# with WHOLE those that were neither cut nor lost, and EQUAL those that have one of the chains, each
# from the first frame to the last. Then come the stacks, root first, those with most samples first,
# the unequal ones at the end:
#
#	equal|unequal SAMPLES FRAME@FILE;FRAME@FILE;...

# A stack is matched as text: its frames, root first, each "NAME@FILE;", where FILE is "exe" for the
# program itself and "?" where there is none. A chain becomes a regular expression on that.

function quoted(text) {
	gsub(/[][\\.^$*+?(){}]/, "\\\\&", text)
	return text
}

function frame(token,    at, name, file) {
	at = index(token, "@")
	name = at ? substr(token, 1, at - 1) : token
	file = at ? quoted(substr(token, at + 1)) : "exe"
	if (token == "plt") return "\\[[^;@]*\\+0x[0-9a-f]+\\]@exe;"
	if (name == "*" || name == "+") return "([^;@]*@(" file ");)" name
	if (name == "?") return "[^;@]*@(" file ");"
	return "(" quoted(name) ")@(" file ");"
}

function expression(chain,    tokens, count, i, text, may_end, open) {
	count = split(chain, tokens, ";")
	for (i = 1; i <= count; i++) {
		if (tokens[i] == "") continue
		if (tokens[i] == "/") {
			may_end = 1
		} else if (tokens[i] == "!") {
			while (open) { text = text ")?"; open-- }
			may_end = 0
		} else {
			if (may_end) { text = text "("; open++ }
			text = text frame(tokens[i])
		}
	}
	while (open) { text = text ")?"; open-- }
	return "^" text "$"
}

function is_equal(stack,    i) {
	for (i = 1; i <= chains; i++)
		if (stack ~ chain[i]) return 1
	return 0
}

FNR == 1 { file_number++ }

file_number == 1 {
	if (sub(/^chain: /, "")) chain[++chains] = expression($0)
	next
}

/^Samples:/ { part = "samples"; getline; next }
/^Locations/ { part = "locations"; next }
/^Mappings/ { part = "mappings"; next }

part == "samples" && /^ *[0-9][0-9 ]*:/ { line[++lines] = $0 }

# "     8: 0x7f8211b81249 M=4 __libc_start_call_main :0 s=0"
part == "locations" && /^ *[0-9]+: / {
	id = $1
	sub(":", "", id)
	mapping[id] = match($0, / M=[0-9]+ /) ? substr($0, RSTART + 3, RLENGTH - 4) : 0
	text = $0
	sub(/^ *[0-9]+: 0x[0-9a-f]* (M=[0-9]+ )?/, "", text)
	sub(/ [^ ]*:[0-9]+ s=[0-9]+.*/, "", text)
	gsub(" ", "_", text)
	name[id] = text
}

# "4: 0x7f8211b80000/0x7f8211cd6000/0x26000 /usr/lib/x86_64-linux-gnu/libc.so.6 93ac61ec [FN]"
part == "mappings" && /^[0-9]+: / {
	id = $1
	sub(":", "", id)
	file[id] = $3
	sub(/.*\//, "", file[id])
}

END {
	file[0] = "?"
	file[1] = "exe"
	for (i = 1; i <= lines; i++) {
		split(line[i], parts, ":")
		split(parts[1], values, " ")
		depth = split(parts[2], ids, " ")
		text = ""
		for (j = depth; j >= 1; j--)
			if (file[mapping[ids[j]]] != "[kernel]")
				text = text name[ids[j]] "@" file[mapping[ids[j]]] ";"
		of_stack[text] += values[1]
	}
	for (text in of_stack) {
		samples += of_stack[text]
		if (text != "" && text !~ /^\[(truncated|lost)/) whole += of_stack[text]
		if (is_equal(text)) {
			verdict[text] = "equal"
			equal += of_stack[text]
		} else {
			verdict[text] = "unequal"
		}
	}
	printf "%d %d %d\n", samples, whole, equal
	fflush()
	for (text in of_stack)
		printf "%s %d %s\n", verdict[text], of_stack[text], text | "sort -k1,1 -k2,2nr"
}
