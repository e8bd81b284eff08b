// Command parley is the chat server and what its operator needs beside it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	_ "time/tzdata" // people's quiet hours go by their clocks, also where the system has no zones

	"github.com/spf13/cobra"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/server"
)

// console is where a command reads and writes; tests give their own.
type console struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	if os.Getenv("GOGC") == "" {
		// idle connections are most of the heap: a collection costs little, and
		// halves what lies around
		debug.SetGCPercent(50)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Environ(), console{os.Stdin, os.Stdout, os.Stderr})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "parley:", told(err))
		os.Exit(1)
	}
}

// told is an error in words for the operator, without those for clients that
// send again, and without Go's own for a Ctrl-C.
func told(err error) string {
	return strings.NewReplacer(chat.ErrUnavailable.Error()+": ", "",
		context.Canceled.Error(), "interrupted").Replace(err.Error())
}

// run runs one command line to its end.
func run(ctx context.Context, args, environ []string, c console) error {
	b := builder{environ: environ, console: c, arguments: map[*cobra.Command][]*setting{}}
	people := &storeFlags{}
	all := b.group("parley", "A self-hosted real-time chat server. Every setting is a flag, an environment variable PARLEY_… and a line in a config file; "+
		"flags come first, then the environment, then the file.", &b.everywhere,
		b.command("serve", "Run the server.", &serve{}),
		b.group("user", "Add, list and disable people, and set passwords. Works beside a running server.", people,
			b.command("add", "Add a person. The password is asked for, or read from standard input.", &userAdd{in: people}),
			b.command("passwd", "Set a person's password and end all their sessions. The password is asked for, or read from standard input.", &userPasswd{in: people}),
			b.command("link", "Print a link that logs a person in once, where there are no passwords or they lost theirs.", &userLink{in: people}),
			b.command("reset-factor", "Remove the second factors of a person who has lost them, passkeys too.", &userResetFactor{in: people}),
			b.command("list", "List all people.", &userList{in: people}),
			b.command("disable", "Keep a person from logging in, and end all their sessions.",
				&userDisable{in: people}),
			b.command("enable", "Let a disabled person log in again.", &userEnable{in: people}),
		),
		b.command("fsck", "Find, and with --heal put right, what a crash can leave half done in Redis. Works beside running servers.", &fsck{}),
		b.command("doctor", "Look whether the data's place is fit: Redis' settings and what they risk, or the directory. Works beside running servers.", &doctor{}),
		b.command("migrate", "Move all data from a directory to Redis, or back, or to another place of the same kind.", &migration{}),
		b.command("backup", "Write everything into one file, beside running servers.", &backupCommand{},
			b.command("verify", "Read a backup to its end, and check that it is whole.", &verifyBackup{})),
		b.command("restore", "Bring a backup into an empty directory, or an empty Redis. No server may use it meanwhile.", &restore{}),
		b.command("export", "Write people, rooms, messages and files into a zip file that parley import and others can read. Works beside a running server.", &exportCommand{}),
		b.group("import", "Bring people, rooms and messages from another chat. Works beside a running server. Running it again adds what is new.", nil,
			b.command("slack", "An export of a Slack workspace: the zip file with users.json, channels.json and a folder for each conversation.", &importFile{format: "slack"}),
			b.command("mattermost", "A bulk export of Mattermost: the zip file of mmctl export, or its .jsonl file.", &importFile{format: "mattermost"}),
			b.command("discord", "What DiscordChatExporter writes as JSON: one channel's file, or a directory or zip file of them.", &importFile{format: "discord"}),
			b.command("parley", "What parley export writes.", &importFile{format: "parley"}),
			b.command("redis-chat-demo", "People, private rooms and messages of the Redis chat demo for Node.js. Running it again adds what is new.", &importDemo{}),
		),
		b.command("verify", "Have many clients send, drop and come back while nodes and Redis are killed, cut off and slowed down, and judge what they saw.", &verification{}),
		b.command("version", "Print the version, and the commit that it was built from.", &showVersion{}),
		hidden(b.command("extract", "Print the text inside of what is read from standard input. The server runs it for each file.", &extractText{})),
		hidden(b.command("man", "Print the manual page.", &manual{&b})),
	)
	b.root = all
	if err := b.unknownEnvironment(); err != nil {
		return err
	}
	return b.execute(ctx, all, args)
}

type showVersion struct{}

func (showVersion) Run(_ context.Context, c console) error {
	about := "parley " + server.Version()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				about += ", commit " + s.Value
			}
		}
		about += fmt.Sprintf(", %s, %s/%s", info.GoVersion, runtime.GOOS, runtime.GOARCH)
	}
	_, err := fmt.Fprintln(c.out, about)
	return err
}
