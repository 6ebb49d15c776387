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

# A stack is matched as a list of frames, each "NAME@FILE", root first, where FILE is "exe" for the
# program itself and "?" where there is none; a chain as a machine that has read some of its tokens.

function quoted(text) {
	gsub(/[][\\.^$*+?(){}]/, "\\\\&", text)
	return text
}

# The expression of the frames that a token stands for. libstdc++.so.6 is libstdc++.so.6.0.30, too.
function expression(token,    at, name, file) {
	# By the function that it leads to; what lazy binding goes through before has no name.
	if (token == "plt") return "^(.*@plt|\\[.*[+]0x[0-9a-f]+\\])@exe$"
	at = index(token, "@")
	name = at ? substr(token, 1, at - 1) : token
	file = at ? quoted(substr(token, at + 1)) : "exe"
	if (name ~ /^[*+?]$/) return "@(" file ")[.0-9]*$"
	return "^(" quoted(name) ")@(" file ")[.0-9]*$"
}

# Token i of chain c: pattern[c, i]; repeats[c, i] if it stands for one frame or more, optional[c, i]
# if it may stand for none; leap[c, i] is where the chain may go on when i of its tokens are read.
function read_chain(chain,    c, tokens, count, i, n, leap_from, is_open) {
	c = ++chains
	count = split(chain, tokens, ";")
	for (i = 1; i <= count; i++) {
		if (tokens[i] == "") continue
		if (tokens[i] == "/") {
			leap_from = n + 0
			is_open = 1
		} else if (tokens[i] == "!") {
			close_part(c, leap_from, n)
			is_open = 0
		} else {
			n++
			pattern[c, n] = expression(tokens[i])
			repeats[c, n] = tokens[i] ~ /^[*+]@/
			optional[c, n] = tokens[i] ~ /^[*]@/
		}
	}
	if (is_open) close_part(c, leap_from, n)
	length_of[c] = n
}

function close_part(c, from, to,    i) {
	for (i = from; i < to; i++) leap[c, i] = to
}

# What can be reached from a state without reading a frame.
function reach(c, state,    i) {
	if (state in now) return
	now[state] = 1
	if (optional[c, state + 1]) reach(c, state + 1)
	if ((c, state) in leap) reach(c, leap[c, state])
}

function follows(c, frames, depth,    i, state, next_states, count) {
	for (state in now) delete now[state]
	reach(c, 0)
	for (i = 1; i <= depth; i++) {
		count = 0
		for (state in now) {
			state += 0
			if (state && repeats[c, state] && frames[i] ~ pattern[c, state])
				next_states[++count] = state
			if (state < length_of[c] && frames[i] ~ pattern[c, state + 1])
				next_states[++count] = state + 1
		}
		for (state in now) delete now[state]
		for (; count; count--) reach(c, next_states[count])
	}
	return length_of[c] in now
}

function is_equal(stack,    frames, depth, c) {
	depth = split(stack, frames, ";") - 1
	for (c = 1; c <= chains; c++)
		if (follows(c, frames, depth)) return 1
	return 0
}

FNR == 1 { file_number++ }

file_number == 1 {
	if (sub(/^chain: /, "")) read_chain($0)
	next
}

/^Samples:/ { part = "samples"; getline; next }
/^Locations/ { part = "locations"; next }
/^Mappings/ { part = "mappings"; next }

part == "samples" && /^ *[0-9][0-9 ]*:/ { line[++lines] = $0 }

# "     8: 0x7f8211b81249 M=4 __libc_start_call_main :0 s=0", then in lines of their own the functions
# that this one is inlined into. The last of them is the one that has the frame.
part == "locations" {
	text = $0
	if (sub(/^ *[0-9]+: 0x[0-9a-f]* (M=[0-9]+ )?/, "", text)) {
		id = $1
		sub(":", "", id)
		mapping[id] = match($0, / M=[0-9]+ /) ? substr($0, RSTART + 3, RLENGTH - 4) : 0
	}
	sub(/^ */, "", text)
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
