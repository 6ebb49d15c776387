// SPDX-License-Identifier: Apache-2.0

// Writes profiles of itself into the folder that it is given, as any Go program can: of the CPU, of
// goroutines, of blocks and locks, and of the heap before and after it leaks.
package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

var kept, leaked [][]byte

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func write(folder, name, profile string) {
	runtime.GC()
	file, err := os.Create(filepath.Join(folder, name))
	check(err)
	check(pprof.Lookup(profile).WriteTo(file, 0))
	check(file.Close())
}

//go:noinline
func burnInner(n int) (sum int) {
	for i := 0; i < n; i++ {
		sum += i * i % 7
	}
	return sum
}

//go:noinline
func burn(until time.Time) (sum int) {
	for time.Now().Before(until) {
		sum += burnInner(100000)
	}
	return sum
}

//go:noinline
func keep(count int) {
	for i := 0; i < count; i++ {
		kept = append(kept, make([]byte, 4096))
	}
}

//go:noinline
func leak(count int) {
	for i := 0; i < count; i++ {
		leaked = append(leaked, make([]byte, 1024))
	}
}

func contend() {
	var mutex sync.Mutex
	var group sync.WaitGroup
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for j := 0; j < 20; j++ {
				mutex.Lock()
				time.Sleep(time.Millisecond)
				mutex.Unlock()
			}
		}()
	}
	group.Wait()
}

func main() {
	folder := os.Args[1]
	runtime.MemProfileRate = 1
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	file, err := os.Create(filepath.Join(folder, "cpu.pb.gz"))
	check(err)
	check(pprof.StartCPUProfile(file))
	pprof.Do(context.Background(), pprof.Labels("task", "burn"), func(context.Context) {
		burn(time.Now().Add(time.Second))
	})
	pprof.StopCPUProfile()
	check(file.Close())
	contend()
	keep(2000)
	write(folder, "heap1.pb.gz", "heap")
	leak(3000)
	kept = append([][]byte(nil), kept[:500]...)
	write(folder, "heap2.pb.gz", "heap")
	for _, name := range []string{"goroutine", "block", "mutex", "threadcreate", "allocs"} {
		write(folder, name+".pb.gz", name)
	}
}
