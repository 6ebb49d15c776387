# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Loaded by scripts/load: two network namespaces and what lies between them. By netem where the
# kernel has it; else by tbf for the rate and tests/bench/slow_link.c for the rest.

client_ns=exoprof-load-$$-client
server_ns=exoprof-load-$$-server
# TEST-NET-2 (RFC 5737), and only inside the namespaces.
client_address=198.51.100.1
server_address=198.51.100.2
netem='' link=''

# Round trip in ms, jitter of it, loss each way in percent, Mbit/s each way.
declare -A shapes=([lan]=0:0:0:0 [wan]=40:5:0:50 [lossy]=100:0:2:5)

# shape CONDITION: sets rtt, jitter, loss and mbit.
shape() {
	local text=${shapes[$1]:-${1#*=}} n='[0-9]{1,4}(\.[0-9]{1,3})?'
	[[ $text =~ ^$n:$n:$n:$n$ ]] ||
		die "no condition '$1': there are ${!shapes[*]}, and NAME=RTT_MS:JITTER_MS:LOSS_PERCENT:MBIT"
	IFS=: read -r rtt jitter loss mbit <<<"$text"
}

describe() {
	local rtt jitter loss mbit
	shape "$1"
	if [ "$rtt:$jitter:$loss:$mbit" = 0:0:0:0 ]; then
		echo 'nothing but a veth pair'
	else
		echo "round trip $rtt ms +- $jitter, $loss% loss and $mbit Mbit/s each way"
	fi
}

# times FACTOR VALUE
times() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.0f", a * b }'
}

open_network() {
	local ns
	for ns in "$client_ns" "$server_ns"; do ip netns add "$ns"; done
	if tc -n "$client_ns" qdisc add dev lo root netem delay 1ms 2>"$work/tc"; then
		netem=yes
	fi
}

close_network() {
	local ns
	for ns in "$client_ns" "$server_ns"; do
		[ ! -e "/run/netns/$ns" ] || ip netns del "$ns"
	done
}

# Both ends of a veth pair go with either of them, slow_link's devices with slow_link.
link_down() {
	if [ -n "$link" ]; then stop "$link"; else ip -n "$client_ns" link del link0; fi
	link=
}

# Half of the delay each way.
link_up() {
	local rtt jitter loss mbit
	shape "$1"
	if [ -n "$netem" ] || [ "$rtt:$jitter:$loss" = 0:0:0 ]; then
		ip -n "$client_ns" link add link0 type veth peer name link0 netns "$server_ns"
	else
		start_slow_link
	fi
	address "$client_ns" "$client_address"
	address "$server_ns" "$server_address"
	[ "$rtt:$jitter:$loss:$mbit" != 0:0:0:0 ] || return 0
	queue "$client_ns"
	queue "$server_ns"
}

start_slow_link() {
	: >"$work/link"
	build/bench/slow_link "/run/netns/$client_ns" "/run/netns/$server_ns" \
		"$(times 500 "$rtt")" "$(times 500 "$jitter")" "$loss" >"$work/link" 2>&1 &
	link=$!
	while ! grep -q ready "$work/link"; do
		kill -0 "$link" 2>/dev/null || die "$(cat "$work/link")"
		sleep 0.05
	done
}

address() {
	ip -n "$1" addr add "$2/30" dev link0
	ip -n "$1" link set link0 up
}

# What leaves the namespace $1. A burst of tbf's must have room for what is sent between two ticks of a
# clock, 32 KiB at 50 Mbit/s and 250 Hz; its queue is as a router's that was not made for latency.
queue() {
	local rate=()
	[ "$mbit" = 0 ] || rate=(rate "$(times 1000 "$mbit")kbit")
	if [ -n "$netem" ]; then
		tc -n "$1" qdisc add dev link0 root netem delay "$(times 500 "$rtt")us" \
			"$(times 500 "$jitter")us" loss "$loss%" "${rate[@]}" limit 16384
	elif [ "$mbit" != 0 ]; then
		tc -n "$1" qdisc add dev link0 root tbf "${rate[@]}" burst 32kb latency 200ms
	fi
}

# What the network was made of.
emulation() {
	if [ -n "$netem" ]; then
		echo 'netem'
	else
		echo 'tbf for the rate, and slow_link in user space for delay and loss: the kernel has no netem'
	fi
}

# congestion_control: TCP's, in the namespaces.
congestion_control() {
	nsenter --net="/run/netns/$server_ns" cat /proc/sys/net/ipv4/tcp_congestion_control
}
