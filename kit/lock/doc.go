// Package lock has distributed locks on Redis.
package lock
