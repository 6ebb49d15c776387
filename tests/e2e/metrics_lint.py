# SPDX-License-Identifier: Apache-2.0
"""metrics_lint.py FILE [LATER]: whether FILE is in Prometheus' text format, and its names keep the
rules of prometheus.io/docs/practices/naming; and whether no counter is smaller in LATER. For want of
promtool, which comes with a server that runs from its installation on, by Prometheus' own parser."""

import re
import sys

from prometheus_client.parser import text_string_to_metric_families

# More would be a label that grows with what is profiled.
SAMPLES_MAX = 200
NAME = re.compile(r"(exoprof|process)(_[a-z]+)+")
# Others than base units.
BAD_UNIT = re.compile(r"_(ns|us|ms|nanoseconds|microseconds|milliseconds|minutes|kb|kib|mb|mib|"
                      r"kilobytes|megabytes|percent|pct)(_total)?$")


def complain(text):
    print("metrics_lint:", text, file=sys.stderr)
    complain.count += 1


complain.count = 0


def read(path):
    """The samples, by name and labels, and which of them are counters'."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    samples, counters = {}, set()
    for family in text_string_to_metric_families(text):
        if family.type not in ("counter", "gauge") or not family.documentation:
            complain(f"{family.name}: {family.type}, {family.documentation!r}")
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            if key in samples:
                complain(f"{key} is there twice")
            samples[key] = sample.value
            if family.type == "counter":
                counters.add(key)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    if len(lines) != len(samples) or not text.endswith("\n"):
        complain(f"{len(lines)} lines, {len(samples)} samples")
    return samples, counters


def lint(samples, counters):
    if not 0 < len(samples) <= SAMPLES_MAX:
        complain(f"{len(samples)} samples")
    for key, value in samples.items():
        name, labels = key
        if not NAME.fullmatch(name) or BAD_UNIT.search(name):
            complain(f"{name} is no good name")
        if name.endswith("_total") != (key in counters):
            complain(f"{name} is a counter, or is none")
        if not all(re.fullmatch("[a-z_]+", label) for label, _ in labels):
            complain(f"{labels} are no good labels")
        if value < 0:
            complain(f"{key} is {value}")


# Of what people ask for each pair of path and code begins when it is first met.
def fixed(samples):
    return {key for key in samples if key[0] != "exoprof_http_requests_total"}


def main(path, later=None):
    samples, counters = read(path)
    lint(samples, counters)
    if later:
        after, _ = read(later)
        if fixed(after) != fixed(samples):
            complain("other samples later")
        for key in counters:
            if after.get(key, 0) < samples[key]:
                complain(f"{key} was {samples[key]}, and is {after.get(key)}")
    sys.exit(complain.count > 0)


main(*sys.argv[1:])
