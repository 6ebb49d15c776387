# SPDX-License-Identifier: Apache-2.0
# Opens a flame graph in a headless Chromium and uses it. MAKE_FLAMEGRAPH is the helper built from
# tests/e2e/make_flamegraph.c; without it, it is looked for where the Makefile puts it.

setup_file() {
	local here="$BATS_TEST_DIRNAME"
	local make_flamegraph="${MAKE_FLAMEGRAPH:-$here/../../build/e2e/make_flamegraph}"
	local chromium="${CHROMIUM:-chromium}"

	if ! command -v "$chromium" > /dev/null; then
		echo "flamegraph.bats: no '$chromium' (apt-get install chromium, or set CHROMIUM)" >&2
		return 1
	fi
	if [ ! -x "$make_flamegraph" ]; then
		echo "flamegraph.bats: no '$make_flamegraph' (build it, or set MAKE_FLAMEGRAPH)" >&2
		return 1
	fi
	cd "$BATS_FILE_TMPDIR"
	"$make_flamegraph" > plain.svg
	cp "$here/flamegraph_browser.js" .
	"$make_flamegraph" | cmp - plain.svg
	sed 's|^</svg>$|<script href="flamegraph_browser.js"/></svg>|' plain.svg > used.svg
	sed '/<script><!\[CDATA\[/,/^\]\]><\/script>/d' used.svg > still.svg
	use used 1400 wide
	use used 800 small
	use still 1400 still
}

# use PICTURE WIDTH NAME: NAME.verdict is what the script found there.
use() {
	timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
		--disable-background-networking --disable-component-update --disable-sync \
		--user-data-dir="$PWD/chromium" --window-size="$2,900" \
		--dump-dom "file://$PWD/$1.svg" > dom 2> chromium.log || {
		cat chromium.log >&2
		return 1
	}
	sed -n '/id="verdict"/,$p' dom > "$3.verdict"
}

# What the script in the page said of a claim, in a wide window and in a small one.
said() {
	local verdict
	for verdict in wide small; do
		cat "$BATS_FILE_TMPDIR/$verdict.verdict"
		grep -qx "ok $1" "$BATS_FILE_TMPDIR/$verdict.verdict" || return
	done
}

@test "the script ran to its end and no claim failed" {
	for verdict in wide small still; do
		cat "$BATS_FILE_TMPDIR/$verdict.verdict"
		grep -qx "done" "$BATS_FILE_TMPDIR/$verdict.verdict"
		run grep "^not ok" "$BATS_FILE_TMPDIR/$verdict.verdict"
		[ "$status" -eq 1 ]
	done
}

@test "text of any writing stays in its frame, its row and the picture, with the script and without" {
	said "no label is wider than its frame"
	said "no line is wider than the picture"
	said "all labels are in their rows"
	said "names of all kinds have labels"
	said "none of them is wider than its frame"
	grep -qx "ok no label is wider than its frame" "$BATS_FILE_TMPDIR/still.verdict"
	grep -qx "ok no line is wider than the picture" "$BATS_FILE_TMPDIR/still.verdict"
}

@test "a click zooms: the frame fills the width and its ancestors remain" {
	said "a click gives the frame the full width"
	said "its ancestors remain, faded"
	said "its siblings are gone"
	said "no label is wider than its frame when zoomed"
}

@test "reset and Esc restore the picture" {
	said "reset restores the picture"
	said "so does Esc"
}

@test "search tells the matched share, nested matches counted once" {
	said "nested matches count once"
	said "no regular expression is a plain text"
	said "Esc ends the search"
}

@test "hostile names are text, never markup or script" {
	said "no name ran as script"
	said "no name is markup"
	said "a hostile name is shown as it is"
}

@test "the picture fetches nothing" {
	run bash -c "grep -oE '(href|src)=\"|url\([^)]*\)|@import' '$BATS_FILE_TMPDIR/plain.svg' | sort -u"
	[ "$output" = "url(#hatch)" ]
}
