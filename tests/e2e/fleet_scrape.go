// SPDX-License-Identifier: Apache-2.0

// fleet_scrape ENGINE URL REQUESTS FOLDER: sends what fleet_requests.py says by the HTTP client that
// Parca and Alloy have, all at once as they do, and looks at the answers as they and Pyroscope do, each
// in the same order (the commits that scripts/fleet names). Files go into FOLDER; a line each:
//
//	NAME SECONDS BYTES SAMPLES NAME:TYPE:UNIT:PERIODTYPE:PERIODUNIT[:delta]...
//
// With CA, CERT and KEY in the environment by TLS.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

type request struct {
	Name, Path string
	Timeout    int
	Keep       []string
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fleet_scrape:", err)
		os.Exit(1)
	}
}

// As prometheus/common makes it: gzip is asked for and taken off by net/http itself, and over TLS
// HTTP/2 is spoken.
func client() *http.Client {
	config := &tls.Config{}
	if ca := os.Getenv("CA"); ca != "" {
		pem, err := os.ReadFile(ca)
		must(err)
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
		pair, err := tls.LoadX509KeyPair(os.Getenv("CERT"), os.Getenv("KEY"))
		must(err)
		config.Certificates = []tls.Certificate{pair}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}
}

// --- protobuf, as far as it is needed ---------------------------------------------------------------

type field struct {
	number int
	value  uint64
	bytes  []byte
}

func fields(data []byte) (all []field, err error) {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 {
			return nil, fmt.Errorf("bad key")
		}
		data = data[n:]
		value, n := binary.Uvarint(data)
		if n <= 0 || (key&7 == 2 && value > uint64(len(data)-n)) {
			return nil, fmt.Errorf("field %d is cut off", key>>3)
		}
		data = data[n:]
		f := field{number: int(key >> 3), value: value}
		switch key & 7 {
		case 0:
		case 2:
			f.bytes, data = data[:value], data[value:]
		default:
			return nil, fmt.Errorf("wire type %d", key&7)
		}
		all = append(all, f)
	}
	return all, nil
}

// Packed or not.
func numbers(message []field, number int) (all []uint64) {
	for _, f := range message {
		if f.number != number {
			continue
		}
		if f.bytes == nil {
			all = append(all, f.value)
			continue
		}
		for rest := f.bytes; len(rest) > 0; {
			value, n := binary.Uvarint(rest)
			all, rest = append(all, value), rest[n:]
		}
	}
	return all
}

func number(message []field, of int) uint64 {
	all := numbers(message, of)
	if len(all) == 0 {
		return 0
	}
	return all[0]
}

type profile struct {
	strings                                        []string
	types, samples, mappings, locations, functions [][]field
	period                                         []field
	duration                                       uint64
}

func parse(data []byte) (p profile, err error) {
	top, err := fields(data)
	if err != nil {
		return p, err
	}
	messages := map[int]*[][]field{1: &p.types, 2: &p.samples, 3: &p.mappings, 4: &p.locations, 5: &p.functions}
	for _, f := range top {
		if f.number == 6 {
			p.strings = append(p.strings, string(f.bytes))
		}
		if list := messages[f.number]; list != nil || f.number == 11 {
			message, err := fields(f.bytes)
			if err != nil {
				return p, err
			}
			if list == nil {
				p.period = message
			} else {
				*list = append(*list, message)
			}
		}
	}
	p.duration = number(top, 10)
	return p, nil
}

func (p *profile) pair(message []field) string {
	return p.strings[number(message, 1)] + ":" + p.strings[number(message, 2)]
}

// --- what they refuse -----------------------------------------------------------------------------------

// Ids have to be 1, 2, 3, ..., and strings within the table.
func checkTable(p *profile, what string, table [][]field, strings ...int) error {
	for i, message := range table {
		if number(message, 1) != uint64(i+1) {
			return fmt.Errorf("%s id is not sequential", what)
		}
		for _, s := range strings {
			if number(message, s) >= uint64(len(p.strings)) {
				return fmt.Errorf("%s %d: no such string", what, i+1)
			}
		}
	}
	return nil
}

// Parca's ValidatePprofProfile.
func checkTables(p *profile) error {
	if len(p.strings) == 0 || p.strings[0] != "" {
		return fmt.Errorf("first string is not empty")
	}
	for _, err := range []error{checkTable(p, "mapping", p.mappings, 5, 6),
		checkTable(p, "function", p.functions, 2, 3, 4), checkTable(p, "location", p.locations)} {
		if err != nil {
			return err
		}
	}
	for _, location := range p.locations {
		if number(location, 2) > uint64(len(p.mappings)) {
			return fmt.Errorf("no such mapping")
		}
		for _, f := range location {
			if f.number != 4 {
				continue
			}
			line, err := fields(f.bytes)
			if err != nil || number(line, 1) > uint64(len(p.functions)) {
				return fmt.Errorf("no such function")
			}
		}
	}
	return nil
}

// The same function's second half, and Pyroscope's limits: no labels beyond 100, no frames beyond 1000.
func checkSamples(p *profile) error {
	if len(p.types) == 0 || len(p.samples) > 16000 {
		return fmt.Errorf("%d sample types, %d samples", len(p.types), len(p.samples))
	}
	for _, sample := range p.samples {
		stack := numbers(sample, 1)
		if len(numbers(sample, 2)) != len(p.types) || len(stack) > 1000 {
			return fmt.Errorf("%d values, %d frames", len(numbers(sample, 2)), len(stack))
		}
		for _, location := range stack {
			if location == 0 || location > uint64(len(p.locations)) {
				return fmt.Errorf("no such location")
			}
		}
		labels := 0
		for _, f := range sample {
			if f.number != 3 {
				continue
			}
			labels++
			label, err := fields(f.bytes)
			if err != nil || number(label, 1) == 0 || number(label, 1) >= uint64(len(p.strings)) ||
				number(label, 2) >= uint64(len(p.strings)) {
				return fmt.Errorf("a label without a key, or no such string")
			}
		}
		if labels > 100 {
			return fmt.Errorf("%d labels", labels)
		}
	}
	return nil
}

// Alloy's fetchProfile and validateProfileData; Parca wants 200.
func checkAnswer(engine string, answer *http.Response, body []byte) error {
	kind := answer.Header.Get("Content-Type")
	switch {
	case engine == "parca" && answer.StatusCode != 200, answer.StatusCode/100 != 2:
		return fmt.Errorf("status %d: %s", answer.StatusCode, body)
	case len(body) <= 2:
		return fmt.Errorf("empty")
	case engine == "alloy" && !strings.HasPrefix(kind, "application/octet-stream"):
		return fmt.Errorf("content type %q", kind)
	case !bytes.HasPrefix(body, []byte{0x1f, 0x8b}):
		return fmt.Errorf("no gzip: %q", body[:2])
	}
	return nil
}

func unpack(body []byte) (p profile, err error) {
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return p, err
	}
	data, err := io.ReadAll(reader)
	if err != nil {
		return p, err
	}
	if len(data) > 4<<20 {
		return p, fmt.Errorf("%d bytes are too many", len(data))
	}
	if p, err = parse(data); err == nil {
		err = checkTables(&p)
	}
	if err == nil {
		err = checkSamples(&p)
	}
	return p, err
}

// Where a profile has a duration it is a difference for Parca.
func (p *profile) ids(r *request) (all []string, err error) {
	suffix := ":" + p.pair(p.period)
	if p.duration != 0 {
		suffix += ":delta"
	}
	kept := map[string]bool{}
	for _, keep := range r.Keep {
		kept[keep] = true
	}
	for _, message := range p.types {
		if pair := p.pair(message); len(r.Keep) == 0 || kept[pair] {
			all = append(all, r.Name+":"+pair+suffix)
			delete(kept, pair)
		}
	}
	if len(kept) > 0 {
		return nil, fmt.Errorf("nothing to keep of %v", kept)
	}
	return all, nil
}

func scrape(c *http.Client, engine, url, folder string, r *request) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.Timeout)*time.Second)
	defer cancel()
	begin := time.Now()
	get, err := http.NewRequestWithContext(ctx, "GET", url+r.Path, nil)
	if err != nil {
		return "", err
	}
	get.Header.Set("User-Agent", engine)
	answer, err := c.Do(get)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if os.Getenv("CA") != "" && answer.ProtoMajor != 2 {
		return "", fmt.Errorf("spoken is %s", answer.Proto)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	took := time.Since(begin).Seconds()
	if err := checkAnswer(engine, answer, body); err != nil {
		return "", err
	}
	p, err := unpack(body)
	if err != nil {
		return "", err
	}
	ids, err := p.ids(r)
	if err != nil {
		return "", err
	}
	err = os.WriteFile(filepath.Join(folder, r.Name+".pb.gz"), body, 0o644)
	return fmt.Sprintf("%s %.2f %d %d %s", r.Name, took, len(body), len(p.samples), strings.Join(ids, " ")), err
}

func main() {
	engine, url, folder := os.Args[1], os.Args[2], os.Args[4]
	text, err := os.ReadFile(os.Args[3])
	must(err)
	var requests []request
	must(json.Unmarshal(text, &requests))
	must(os.MkdirAll(folder, 0o755))
	c := client()
	failed := false
	var done sync.WaitGroup
	var mutex sync.Mutex
	for i := range requests {
		done.Add(1)
		go func(r *request) {
			defer done.Done()
			line, err := scrape(c, engine, url, folder, r)
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				line, failed = fmt.Sprintf("FAILED %s: %s: %v", r.Name, r.Path, err), true
			}
			fmt.Println(line)
		}(&requests[i])
	}
	done.Wait()
	if failed {
		os.Exit(1)
	}
}
