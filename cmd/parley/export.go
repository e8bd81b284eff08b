package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/internal/archive"
	"github.com/parley-chat/parley/internal/backup"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/server"
)

// exportCommand writes what a server has in Parley's documented format.
type exportCommand struct {
	File string `arg:"" help:"The zip file to write. It must not exist." placeholder:"FILE"`
	Room string `help:"Export only the room with this id, and its people." placeholder:"ID"`
	storeFlags
	filesFlags
}

// exportOrder is an export as it travels to a running server.
type exportOrder struct {
	File string `json:"file"`
	Room string `json:"room,omitempty"`
}

// Run has the server that has the data open export, or else opens the data and
// exports here.
func (e exportCommand) Run(ctx context.Context, c console) (err error) {
	if err := errors.Join(e.storeFlags.check(), e.filesFlags.check()); err != nil {
		return err
	}
	o := exportOrder{Room: e.Room}
	if o.File, err = filepath.Abs(e.File); err != nil { // a running server has another directory
		return err
	}
	driver, err := server.Driver(e.storeFlags.config())
	if err != nil {
		return flagged(err)
	}
	err = errNoServer
	if driver.Control != nil {
		_, err = askServer(ctx, driver.Control(e.storeFlags.config()), order{Do: "export", Export: &o})
	}
	if errors.Is(err, errNoServer) {
		err = e.here(ctx, o)
	}
	if err == nil {
		fmt.Fprintln(c.out, "exported to", o.File)
	}
	return err
}

func (e exportCommand) here(ctx context.Context, o exportOrder) (err error) {
	core, err := server.OpenCore(ctx, server.CoreConfig{Store: e.storeFlags.config()})
	if err != nil {
		return flagged(err)
	}
	defer func() { err = errors.Join(err, core.Close()) }()
	if _, err := core.OpenFiles(ctx, server.FilesConfig(e.filesFlags)); err != nil {
		return flagged(err)
	}
	return runExport(ctx, core.Service, o)
}

// runExport writes the file.
func runExport(ctx context.Context, s *chat.Service, o exportOrder) error {
	return backup.WriteFile(o.File, func(f *os.File) error {
		err := archive.Export(ctx, s, f, chat.RoomID(o.Room))
		if errors.Is(err, chat.ErrNotFound) && o.Room != "" {
			err = fmt.Errorf("there is no room with the id %q", o.Room)
		}
		return err
	})
}
