package main

import (
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

func init() {
	on := make(chan os.Signal, 1)
	signal.Notify(on, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		file, err := os.Create(os.Getenv("BENCH_PROFILE"))
		if err != nil {
			panic(err)
		}
		<-on
		if err := pprof.StartCPUProfile(file); err != nil {
			panic(err)
		}
		<-on
		pprof.StopCPUProfile()
		if err := file.Close(); err != nil {
			panic(err)
		}
	}()
}
