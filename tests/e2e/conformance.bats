#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Go's own answers, beside exoprof's.

load helpers

@test "exoprof answers as Go's net/http/pprof does, but where it means not to" {
	"$root/scripts/conformance" answers
}
