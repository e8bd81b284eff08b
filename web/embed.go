// Package web holds the web client, built and ready to be served. Its sources
// are in src; `npm run build` writes dist, which is committed so that nobody
// needs Node to build the server.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// FS holds index.html at its root, and what it loads.
var FS = func() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the path is a constant
	}
	return files
}()
