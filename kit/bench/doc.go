// Package bench compares the blocks of the kit with their peers. It has
// benchmarks only; see README.md.
package bench
