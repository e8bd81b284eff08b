package main

import (
	"context"

	"github.com/parley-chat/parley/internal/extract"
)

// extractText is what the server runs to read a file of somebody's.
type extractText struct {
	Name string `arg:"" help:"Name of the file."`
}

// Run reads standard input to its end.
func (e *extractText) Run(_ context.Context, c console) error {
	return extract.Serve(c.in, c.out, e.Name)
}
