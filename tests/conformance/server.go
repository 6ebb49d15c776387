// SPDX-License-Identifier: Apache-2.0

// A program that serves its profiles by net/http/pprof, with something in each of them. It prints
// where it listens.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof"
	"runtime"
	"sync"
	"time"
)

var (
	lock sync.Mutex
	kept [][]byte
	sum  uint64
)

// work waits for the lock, burns a little under it, and allocates.
func work() {
	for {
		lock.Lock()
		for i := uint64(0); i < 200000; i++ {
			sum += i * sum
		}
		kept = append(kept, make([]byte, 10240))
		if len(kept) > 1000 {
			kept = kept[900:]
		}
		lock.Unlock()
		time.Sleep(5 * time.Millisecond)
	}
}

func main() {
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	for i := 0; i < 4; i++ {
		go work()
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
