# SPDX-License-Identifier: Apache-2.0
# What the documents say of themselves: figures that are measured again, files that they refer to.

load helpers

figures=$root/scripts/walkthrough.d/figures

# measured: a folder as scripts/walkthrough leaves it, of three stacks.
measured() {
	mkdir -p measured
	printf '%s\n' 'clone3;h2o_evloop_run;gc_heavy_handler;calloc 60' \
		'clone3;h2o_evloop_run;gc_heavy_handler;__memset_x 30' 'clone3;h2o_evloop_run;other 10' \
		> measured/cpu.folded
	printf '%s\n' 'File: x' '      flat  flat%   sum%        cum   cum%' \
		'     0.06s 60.00% 60.00%      0.06s 60.00%  calloc' > measured/cpu.top
	echo 300 > measured/leaking.rate
	echo 100 > measured/trimming.rate
}

# agrees TEXT: with what was measured; the new text is in new.md.
agrees() {
	printf '%b' "$1" > text.md
	"$figures" measured text.md new.md
}

@test "figures of a text: what is within its bound passes, and is written anew" {
	measured
	agrees 'calloc has 58.0%<!-- cpu.calloc ±3 -->, the loop 100%<!-- cpu.loop ±1 -->\n'
	[ "$(cat new.md)" = 'calloc has 60.0%<!-- cpu.calloc ±3 -->, the loop 100%<!-- cpu.loop ±1 -->' ]
	agrees '57%<!-- cpu.calloc ±10% -->'
	agrees 'more than 2.5<!-- fix.slower ≥ --> times'
	grep 'more than 2.5<' new.md
}

@test "figures of a text: what is out of its bound fails, and so does what nobody measures" {
	measured
	not agrees '56%<!-- cpu.calloc ±3 -->'
	not agrees '64%<!-- cpu.calloc ±3 -->'
	not agrees '54%<!-- cpu.calloc ±10% -->'
	not agrees 'more than 3.5<!-- fix.slower ≥ --> times'
	run -1 agrees '60%<!-- cpu.malloc ±3 -->'
	[[ $output == *"nothing is measured under the name cpu.malloc"* ]]
	run -1 agrees 'no figure at all'
	[[ $output == *"has no figures"* ]]
}

@test "figures of a text: the rows of a table are compared, and are the new ones" {
	measured
	local rows='     0.05s 50.00%% 50.00%%      0.05s %s  calloc\n'
	local text='<!-- top cpu ±5 -->\n```\n'$rows'```\n<!-- end -->\n'
	# shellcheck disable=SC2059
	agrees "$(printf "$text" 58.00%)"
	grep -F '0.06s 60.00% 60.00%' new.md
	# shellcheck disable=SC2059
	not agrees "$(printf "$text" 50.00%)"
}

@test "every figure of the walkthrough is one that is measured" {
	# Nothing is measured here: it fails for want of that, not of a name.
	mkdir measured
	grep -oE '<!-- [a-z]+\.[a-z_]+ [±≥]' "$root/docs/walkthrough.md" | awk '{ print $2 }' | sort -u > told
	[ -s told ]
	while read -r name; do
		run -1 agrees "1%<!-- $name ±1 -->"
		[[ $output == *"No such file or directory"* ]]
	done < told
}

# references FILE: what its links lead to, in the repository.
references() {
	grep -oE '\]\([^)#:]+' "$1" | sed 's/^](//'
}

@test "the files that README and docs refer to are there" {
	local file reference
	for file in "$root/README.md" "$root"/docs/*.md; do
		references "$file" > references || continue
		while read -r reference; do
			[ -e "$(dirname "$file")/$reference" ] || say_and_fail "$file refers to $reference"
		done < references
	done
}
