// Command parley is the chat server and what its operator needs beside it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Config  kong.ConfigFlag `help:"Settings in a TOML file: the names of the flags, e.g. sign-up = \"open\"." placeholder:"FILE" env:"PARLEY_CONFIG"`
	Serve   serve           `cmd:"" help:"Run the server."`
	User    user            `cmd:"" help:"Add, list and disable people, and set passwords. Works beside a running server."`
	Fsck    fsck            `cmd:"" help:"Find, and with --heal put right, what a crash can leave half done in Redis. Works beside running servers."`
	Doctor  doctor          `cmd:"" help:"Look whether the data's place is fit: Redis' settings and what they risk, or the directory. Works beside running servers."`
	Migrate migration       `cmd:"" help:"Move all data from a directory to Redis, or back, or to another place of the same kind."`
	Import  imports         `cmd:"" help:"Bring data from another chat."`
	Verify  verification    `cmd:"" help:"Have many clients send, drop and come back while nodes and Redis are killed, cut off and slowed down, and judge what they saw."`
	Version showVersion     `cmd:"" help:"Print the version."`
}

// console is where a command reads and writes; tests give their own.
type console struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // idle connections are most of the heap: a collection costs little, and halves what lies around
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Environ(), console{os.Stdin, os.Stdout, os.Stderr})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "parley:", err)
		os.Exit(1)
	}
}

// run runs one command line to its end.
func run(ctx context.Context, args, environ []string, c console) error {
	exit := -1
	var commands cli
	parser, err := kong.New(&commands,
		kong.Name("parley"),
		kong.Description("A self-hosted real-time chat server. Every setting is a flag, an environment variable PARLEY_… and a line in a config file; "+
			"flags come first, then the environment, then the file."),
		kong.Configuration(settingsFile(environ)),
		kong.Writers(c.out, c.err),
		kong.Exit(func(code int) { exit = code }),
		kong.DefaultEnvars("PARLEY"),
		kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(c),
	)
	if err != nil {
		return err
	}
	if err := unknownEnvironment(parser.Model, environ); err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return nil // --help
	}
	if err != nil {
		return err
	}
	return parsed.Run()
}

type showVersion struct{}

func (showVersion) Run(c console) error {
	_, err := fmt.Fprintln(c.out, "parley", version())
	return err
}

// version is the module's, as the Go tool stamped it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
