package search

import "context"

// ReadFile reads the next file, and reports whether there was one.
func (x *Index) ReadFile(ctx context.Context) (bool, error) { return x.readFile(ctx) }
