// Package cache keeps values of a slower source in Redis and, if wanted, in the process.
package cache
