# SPDX-License-Identifier: Apache-2.0
# bash's completion of exoprof(1). It wants nothing of bash-completion, which loads it by its name.

_exoprof_target='-p --pid --name --unit --follow-children --container-pid --of'
_exoprof_sampling='-F --frequency --heap-rate --heap-budget --heap-mode --heap-probes --allocator --symbol-memory
	--debug-dir'
_exoprof_serving='--listen --tls-cert --tls-key --tls-client-ca --allow-remote --token-file --insecure
	--allow-host --max-profiles'
_exoprof_waits='--offcpu-min --offcpu-rate --offcpu-walk'

# The options of a subcommand.
_exoprof_options() {
	case $1 in
	serve) echo "$_exoprof_target $_exoprof_sampling $_exoprof_serving $_exoprof_waits --no-heap
		--no-offcpu" ;;
	record) echo "$_exoprof_target $_exoprof_sampling $_exoprof_waits -d --duration --type --format
		-o --output --preattach" ;;
	top) echo "$_exoprof_target $_exoprof_sampling --type --heap --no-heap -d --delay -n --iterations
		--plain" ;;
	run) echo "--follow-children $_exoprof_sampling $_exoprof_serving $_exoprof_waits --no-heap
		--no-offcpu --type --format -o --output" ;;
	detach) echo "$_exoprof_target" ;;
	convert) echo "--format -o --output --sample-index" ;;
	diff) echo "--format -o --output --sample-index --normalize --reverse" ;;
	esac
	echo '-? --help --usage'
}

# Kernel threads have no memory and cannot be profiled.
_exoprof_processes() {
	ps -eo "$1=,vsz=" 2>/dev/null | awk '$NF > 0 { sub(/ +[0-9]+$/, ""); sub(/^ +/, ""); print }'
}

_exoprof_units() {
	systemctl list-units --type=service --state=running --plain --no-legend 2>/dev/null |
		awk '{ print $1 }'
}

# What the option $1 of the subcommand $2 takes: words, or one of @files, @folders, @pids, @names,
# @units, @any. Nothing: it takes none.
_exoprof_argument() {
	case $1 in
	-p | --pid | --of) echo @pids ;;
	--name) echo @names ;;
	--unit) echo @units ;;
	--format) case $2 in
		record) echo pprof folded flamegraph speedscope text threads ;;
		diff) echo pprof folded flamegraph ;;
		*) echo pprof folded flamegraph speedscope text ;;
		esac ;;
	--type) case $2 in
		top) echo cpu heap allocs block mutex ;;
		run) echo heap allocs ;;
		*) echo cpu heap allocs block mutex wall goroutine threadcreate ;;
		esac ;;
	--heap-mode) echo auto uprobe inline ;;
	--heap-probes) echo auto session pair ;;
	--offcpu-walk) echo auto back switch ;;
	-o | --output | --allocator | --tls-cert | --tls-key | --tls-client-ca | \
		--token-file) echo @files ;;
	--debug-dir) echo @folders ;;
	--listen) echo 127.0.0.1:6060 unix: ;;
	-F | --frequency | -d | --duration | --delay | -n | --iterations | --container-pid | \
		--heap-rate | --heap-budget | --symbol-memory | --offcpu-min | --offcpu-rate | \
		--sample-index | --allow-host | --max-profiles) echo @any ;;
	esac
}

_exoprof_reply() {
	local current=$2
	case $1 in
	@files) mapfile -t COMPREPLY < <(compgen -f -- "$current"); compopt -o filenames 2>/dev/null ;;
	@folders) mapfile -t COMPREPLY < <(compgen -d -- "$current"); compopt -o filenames 2>/dev/null ;;
	@pids) mapfile -t COMPREPLY < <(compgen -W "$(_exoprof_processes pid)" -- "$current") ;;
	# Names may have spaces in them.
	@names) mapfile -t COMPREPLY < <(_exoprof_processes comm | sort -u |
		awk -v start="$current" 'index($0, start) == 1' | sed 's/[^[:alnum:]_./:@%+-]/\\&/g') ;;
	@units) mapfile -t COMPREPLY < <(compgen -W "$(_exoprof_units)" -- "$current") ;;
	@any) COMPREPLY=() ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current") ;;
	esac
}

# What `run` runs: its name, and its arguments as its own completion has them, where there is
# bash-completion.
_exoprof_command() {
	if declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	elif [ "$COMP_CWORD" -eq "$1" ]; then
		mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
	else
		_exoprof_reply @files "${COMP_WORDS[COMP_CWORD]}"
	fi
}

_exoprof() {
	local commands='serve record top run convert diff detach check'
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command=serve from=1 word argument i
	COMPREPLY=()
	if [ "$COMP_CWORD" -gt 1 ] && [[ " $commands " == *" ${COMP_WORDS[1]} "* ]]; then
		command=${COMP_WORDS[1]}
		from=2
	fi
	# --OPTION=VALUE comes as three words.
	if [ "$current" = = ]; then
		current=
	elif [ "$previous" = = ]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if [ "$command" = run ]; then
		for ((i = from; i < COMP_CWORD; i++)); do
			word=${COMP_WORDS[i]}
			if [ "$word" = -- ]; then
				_exoprof_command $((i + 1))
				return
			fi
		done
	fi
	argument=$(_exoprof_argument "$previous" "$command")
	if [ -n "$argument" ]; then
		_exoprof_reply "$argument" "$current"
	elif [[ $current == -* ]]; then
		_exoprof_reply "$(_exoprof_options "$command")" "$current"
	elif [ "$COMP_CWORD" -eq 1 ]; then
		_exoprof_reply "$commands" "$current"
	elif [ "$command" = run ]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$current")
	elif [ "$command" = convert ] || [ "$command" = diff ]; then
		_exoprof_reply @files "$current"
	fi
	if [ "$COMP_CWORD" -eq 1 ] && [[ $current == -* ]]; then
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W '--version -V' -- "$current")
	fi
}

complete -F _exoprof exoprof
