# SPDX-License-Identifier: Apache-2.0
# fish's completion of exoprof(1).

set -l commands serve record top run convert diff detach check
set -l attaching serve record top detach
set -l sampling serve record top run
set -l serving serve run
set -l waiting serve record run

# Whether the subcommand is one of these; serve is the one where none is named.
function __exoprof_is
    set -l words (commandline -opc)
    if contains -- "$words[2]" serve record top run convert diff detach check
        contains -- $words[2] $argv
    else
        contains -- serve $argv
    end
end

# Kernel threads have no memory and cannot be profiled.
function __exoprof_names
    ps -eo comm=,vsz= | awk '$NF > 0 { sub(/ +[0-9]+$/, ""); print }' | sort -u
end

function __exoprof_pids
    ps -eo pid=,vsz=,comm= | awk '$2 > 0 { pid = $1; sub(/^ *[0-9]+ +[0-9]+ +/, ""); print pid "\t" $0 }'
end

function __exoprof_units
    systemctl list-units --type=service --state=running --plain --no-legend 2>/dev/null | string replace -r ' .*' ''
end

complete -c exoprof -f
complete -c exoprof -n "test (count (commandline -opc)) -eq 1" -a "$commands"
complete -c exoprof -n "test (count (commandline -opc)) -eq 1" -l version -s V -d 'Print the version'
complete -c exoprof -l help -s '?' -d 'Print help'
complete -c exoprof -n "__exoprof_is $commands" -l usage -d 'Print a short usage message'

complete -c exoprof -n "__exoprof_is $attaching" -l pid -s p -x -a '(__exoprof_pids)' -d 'Process'
complete -c exoprof -n "__exoprof_is $attaching" -l name -x -a '(__exoprof_names)' -d 'Process name'
complete -c exoprof -n "__exoprof_is $attaching" -l unit -x -a '(__exoprof_units)' -d 'systemd service'
complete -c exoprof -n "__exoprof_is $sampling detach" -l follow-children -d 'Its children, too'
complete -c exoprof -n "__exoprof_is $attaching" -l container-pid -x -d 'Pid in a container'
complete -c exoprof -n "__exoprof_is $attaching" -l of -x -a '(__exoprof_pids)' -d 'Process of the container'

complete -c exoprof -n "__exoprof_is $sampling" -l frequency -s F -x -d 'CPU samples a second'
complete -c exoprof -n "__exoprof_is $sampling" -l heap-rate -x -d 'Mean bytes between heap samples'
complete -c exoprof -n "__exoprof_is $sampling" -l heap-budget -x -d 'Percent of CPU time for probes'
complete -c exoprof -n "__exoprof_is $sampling" -l heap-mode -x -a 'auto uprobe inline' -d 'Where it is decided'
complete -c exoprof -n "__exoprof_is $sampling" -l heap-probes -x -a 'auto session pair' -d 'Kind of probes'
complete -c exoprof -n "__exoprof_is $sampling" -l allocator -r -F -d 'Follow the malloc of this file'
complete -c exoprof -n "__exoprof_is $sampling" -l symbol-memory -x -d 'Resident memory for symbols'
complete -c exoprof -n "__exoprof_is $sampling" -l debug-dir -x -a '(__fish_complete_directories)' -d 'Debug files'
complete -c exoprof -n "__exoprof_is serve run top" -l no-heap -d 'Leave malloc alone'
complete -c exoprof -n "__exoprof_is $serving" -l no-offcpu -d 'Leave waiting threads alone'
complete -c exoprof -n "__exoprof_is $waiting" -l offcpu-min -x -d 'Leave out shorter waits'
complete -c exoprof -n "__exoprof_is $waiting" -l offcpu-rate -x -d 'Sample shorter waits'
complete -c exoprof -n "__exoprof_is $waiting" -l offcpu-walk -x -a 'auto back switch' -d 'When stacks are walked'

complete -c exoprof -n "__exoprof_is $serving" -l listen -x -a '127.0.0.1:6060 unix:' -d 'Where to serve'
complete -c exoprof -n "__exoprof_is $serving" -l tls-cert -r -F -d 'Certificate'
complete -c exoprof -n "__exoprof_is $serving" -l tls-key -r -F -d 'Private key'
complete -c exoprof -n "__exoprof_is $serving" -l tls-client-ca -r -F -d "Clients' authorities"
complete -c exoprof -n "__exoprof_is $serving" -l allow-remote -d 'Listen where others reach it'
complete -c exoprof -n "__exoprof_is $serving" -l token-file -r -F -d 'Tokens that let clients in'
complete -c exoprof -n "__exoprof_is $serving" -l insecure -d 'Let everybody in'
complete -c exoprof -n "__exoprof_is $serving" -l allow-host -x -a '(__fish_print_hostnames)' -d 'Name of this machine'
complete -c exoprof -n "__exoprof_is $serving" -l max-profiles -x -d 'Profiles at once'

complete -c exoprof -n "__exoprof_is record" -l type -x -a 'cpu heap allocs block mutex wall goroutine threadcreate' -d 'What to record'
complete -c exoprof -n "__exoprof_is top" -l type -x -a 'cpu heap allocs block mutex' -d 'What to show first'
complete -c exoprof -n "__exoprof_is run" -l type -x -a 'heap allocs' -d 'What to write'
complete -c exoprof -n "__exoprof_is record" -l duration -s d -x -d Seconds
complete -c exoprof -n "__exoprof_is record" -l preattach -d 'With the heap of before'
complete -c exoprof -n "__exoprof_is top" -l delay -s d -x -d 'Seconds between refreshes'
complete -c exoprof -n "__exoprof_is top" -l iterations -s n -x -d 'Refreshes'
complete -c exoprof -n "__exoprof_is top" -l plain -d 'Text'
complete -c exoprof -n "__exoprof_is top" -l heap -d 'Follow the heap'
complete -c exoprof -n "__exoprof_is record" -l format -x -a 'pprof folded flamegraph speedscope text threads' -d Format
complete -c exoprof -n "__exoprof_is run convert" -l format -x -a 'pprof folded flamegraph speedscope text' -d Format
complete -c exoprof -n "__exoprof_is diff" -l format -x -a 'pprof folded flamegraph' -d Format
complete -c exoprof -n "__exoprof_is record run convert diff" -l output -s o -r -F -d 'Where to write it'
complete -c exoprof -n "__exoprof_is convert diff" -l sample-index -x -d Value
complete -c exoprof -n "__exoprof_is diff" -l normalize -d "Scale to the second's totals"
complete -c exoprof -n "__exoprof_is diff" -l reverse -d 'Show the first'
complete -c exoprof -n "__exoprof_is convert diff" -F
complete -c exoprof -n "__exoprof_is run" -a '(__fish_complete_subcommand --fcs-skip=2)'
