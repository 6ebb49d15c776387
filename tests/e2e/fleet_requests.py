# SPDX-License-Identifier: Apache-2.0
"""fleet_requests.py FILE [INTERVAL]: what Parca, for a FILE of YAML, or Alloy's pyroscope.scrape asks
of each target with this configuration, as JSON. Neither runs here, so that this is what their sources
do (the commits that the files name): which keys there are, what the defaults are, when ?seconds= is
added, how long they wait for an answer. INTERVAL in seconds stands for the file's, with as much time to
spare."""

import json
import re
import sys

import yaml

TYPES = {"memory": "allocs", "block": "block", "goroutine": "goroutine", "mutex": "mutex",
         "process_cpu": "profile"}


def fail(text):
    sys.exit(f"fleet_requests: {text}")


def known(what, found, keys):
    unknown = set(found) - set(keys.split())
    if unknown:
        fail(f"{what} has no {', '.join(sorted(unknown))}")


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)([sm])", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


# --- Parca: pkg/config/config.go, pkg/scrape/target.go ---------------------------------------------

def parca_kinds(profiling):
    """What is not named is as by default; of what is named, enabled and path alone are."""
    known("profiling_config", profiling, "pprof_config path_prefix")
    kinds = profiling["pprof_config"]
    for name, path in TYPES.items():
        default = {"enabled": True, "path": f"/debug/pprof/{path}"}
        kinds[name] = {**default, **kinds[name]} if name in kinds else \
            {**default, "delta": name == "process_cpu"}
    for name, kind in kinds.items():
        known(name, kind, "enabled path delta keep_sample_type")
    # What has no default is scraped only where it says so.
    return {name: kind for name, kind in kinds.items() if kind.get("enabled")}


def parca(text, interval):
    config = yaml.safe_load(text)
    known("the file", config, "object_storage scrape_configs")
    for job in config["scrape_configs"]:
        known(job["job_name"], job, "job_name params scrape_interval scrape_timeout scheme tls_config authorization "
              "normalized_addresses profiling_config relabel_configs static_configs file_sd_configs "
              "kubernetes_sd_configs")
        if "params" in job:
            fail("params get the seconds of all kinds")
        own = seconds(job.get("scrape_interval", "10s"))
        timeout = seconds(job["scrape_timeout"]) if "scrape_timeout" in job else own + 3
        if timeout <= own:
            fail("scrape timeout must be greater than the interval")
        step = interval or own
        for name, kind in parca_kinds(job["profiling_config"]).items():
            query = f"?seconds={step}" if kind.get("delta") else ""
            yield {"name": name, "path": kind["path"] + query, "timeout": step + timeout - own,
                   "keep": [f"{keep['type']}:{keep['unit']}" for keep in kind.get("keep_sample_type", [])]}


# --- Alloy: internal/component/pyroscope/scrape -------------------------------------------------------

TOKEN = re.compile(r'\s+|//[^\n]*|("(?:[^"\\]|\\.)*")|([\w.]+)|([{}\[\],=()])')
BLOCKS = {
    "pyroscope.scrape": "targets forward_to job_name params scrape_interval scrape_timeout "
                        "delta_profiling_duration scheme profiling_config clustering tls_config "
                        "bearer_token_file",
    "profiling_config": "path_prefix " + " ".join(
        "profile." + kind for kind in [*TYPES, "fgprof", "godeltaprof_memory", "godeltaprof_mutex",
                                       "godeltaprof_block", "custom"]),
    "profile": "enabled path delta",
    "clustering": "enabled",
    "discovery.file": "files refresh_interval",
    "discovery.kubernetes": "role namespaces selectors",
    "discovery.relabel": "targets rule",
    "rule": "action modulus regex replacement separator source_labels target_label",
    "pyroscope.write": "endpoint external_labels",
    "endpoint": "url headers tls_config basic_auth remote_timeout",
    "tls_config": "ca_file cert_file key_file server_name",
}


def tokens(text):
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            fail(f"cannot read {text[at:at + 30]!r}")
        at = match.end()
        if match.lastindex:
            yield match.group()


def value(words):
    """A list, a reference or a literal."""
    word = words.pop(0)
    if word != "[":
        return json.loads(word) if word[0] == '"' or word in ("true", "false") or word.isdigit() else word
    found = []
    while words[0] != "]":
        found.append(value(words))
        if words[0] == ",":
            words.pop(0)
    words.pop(0)
    return found


def body(words, name):
    """Attributes and blocks, up to the closing brace. Several rules are one list."""
    found = {}
    while words and words[0] != "}":
        key = words.pop(0)
        if words[0] == "=":
            words.pop(0)
            found[key] = value(words)
            continue
        label = words.pop(0) if words[0] != "{" else ""
        words.pop(0)
        found.setdefault(key, []).append((json.loads(label or '""'), body(words, key)))
        words.pop(0)
    if name:
        known(name, found, BLOCKS["profile" if name.startswith("profile.") else name])
    return found


def alloy_kinds(profiling):
    kinds = {name: {"enabled": True, "path": f"/debug/pprof/{path}", "delta": name == "process_cpu"}
             for name, path in TYPES.items()}
    for name in ("heap", "block", "mutex"):
        kinds["godeltaprof_" + name.replace("heap", "memory")] = {
            "enabled": False, "path": f"/debug/pprof/delta_{name}", "delta": False}
    for key, [(_, kind)] in profiling.items():
        kinds[key.removeprefix("profile.")].update(kind)
    return {name: kind for name, kind in kinds.items() if kind["enabled"]}


def alloy(text, interval):
    config = body(list(tokens(text)), None)
    known("the file", config, " ".join(BLOCKS))
    for _, job in config.get("pyroscope.scrape", []):
        if "params" in job:
            fail("params get the seconds of all kinds")
        step = interval or seconds(job.get("scrape_interval", "15s"))
        for name, kind in alloy_kinds(job["profiling_config"][0][1]).items():
            taken = step - 1 if kind["delta"] else 0
            yield {"name": name.removeprefix("godeltaprof_"),
                   "path": kind["path"] + (f"?seconds={taken}" if taken else ""),
                   "timeout": seconds(job.get("scrape_timeout", "10s")) + taken, "keep": []}


def main(path, interval="0"):
    with open(path, encoding="utf-8") as file:
        requests = (parca if path.endswith(".yaml") else alloy)(file.read(), int(interval))
        json.dump(list(requests), sys.stdout, indent=1)


main(*sys.argv[1:])
