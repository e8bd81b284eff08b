package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/archive"
	"github.com/parley-chat/parley/internal/archive/discord"
	"github.com/parley-chat/parley/internal/archive/mattermost"
	"github.com/parley-chat/parley/internal/archive/slack"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/importer"
	"github.com/parley-chat/parley/internal/server"
)

// formats opens the exports that can be imported, by the name of the command.
// Attachments is where the files of messages are, if they are not in the
// export; it may be empty.
var formats = map[string]func(file, attachments string) (archive.Source, error){
	"discord":    func(file, _ string) (archive.Source, error) { return discord.Open(file) },
	"mattermost": func(file, _ string) (archive.Source, error) { return mattermost.Open(file) },
	"parley":     func(file, _ string) (archive.Source, error) { return archive.Open(file) },
	"slack":      func(file, attachments string) (archive.Source, error) { return slack.Open(file, attachments) },
}

// importFile brings what the export of another chat has.
type importFile struct {
	format      string
	File        string `arg:"" help:"The export: the file, or the directory that it was unpacked into." placeholder:"FILE"`
	DryRun      bool   `help:"Read everything, write nothing, and report what would be done."`
	Attachments string `help:"Directory or zip file with the files of messages, where the export has only their addresses: each as ID/NAME, ID-NAME or ID." placeholder:"PLACE"`
	Report      string `help:"Write the report to this file, as .html and as .json." default:"import-report" placeholder:"FILE"`
	PublicURL   string `help:"URL under which people reach the server, for links between messages. A server that runs on the data knows its own." placeholder:"URL"`
	MaxMessage  int    `help:"Maximum size of a message in bytes; longer ones are split. Use the same value as for serve." default:"16384"`
	storeFlags
	filesFlags
}

// importOrder is an import as it travels to a running server.
type importOrder struct {
	Format      string `json:"format"`
	File        string `json:"file"`
	Attachments string `json:"attachments,omitempty"`
	PublicURL   string `json:"public_url,omitempty"`
	DryRun      bool   `json:"dry_run,omitempty"`
}

// Run imports, prints a summary, and writes the report.
func (i importFile) Run(ctx context.Context, c console) (err error) {
	err = errors.Join(i.storeFlags.check(), i.filesFlags.check(), checkMaxMessage(i.MaxMessage))
	if i.PublicURL != "" && !strings.HasPrefix(i.PublicURL, "https://") && !strings.HasPrefix(i.PublicURL, "http://") {
		err = errors.Join(err, errors.New("--public-url: must begin with https:// or http://"))
	}
	if err != nil {
		return err
	}
	o := importOrder{Format: i.format, PublicURL: i.PublicURL, DryRun: i.DryRun}
	if o.File, err = filepath.Abs(i.File); err != nil { // a running server has another directory
		return err
	}
	if i.Attachments != "" {
		if o.Attachments, err = filepath.Abs(i.Attachments); err != nil {
			return err
		}
	}
	report, err := i.order(ctx, c, o)
	if report == nil {
		return err
	}
	summarize(c, report)
	return errors.Join(err, i.write(c, report))
}

// order has the server that has the data open import, or else opens the data
// and imports here.
func (i importFile) order(ctx context.Context, c console, o importOrder) (report *importer.Report,
	err error) {
	driver, err := server.Driver(i.storeFlags.config())
	if err != nil {
		return nil, flagged(err)
	}
	if driver.Control != nil {
		text, err := askServer(ctx, driver.Control(i.storeFlags.config()), order{Do: "import", Import: &o})
		if err == nil {
			err = json.Unmarshal([]byte(text), &report)
		}
		if !errors.Is(err, errNoServer) {
			return report, err
		}
	}
	limits := chat.DefaultLimits
	limits.Message, limits.File, limits.Files = i.MaxMessage, int64(i.FileSize), int64(i.FilesTotal)
	core, err := server.OpenCore(ctx, server.CoreConfig{Store: i.storeFlags.config(), Limits: limits})
	if err != nil {
		return nil, flagged(err)
	}
	defer func() { err = errors.Join(err, core.Close()) }()
	if _, err := core.OpenFiles(ctx, server.FilesConfig(i.filesFlags)); err != nil {
		return nil, flagged(err)
	}
	last := time.Now()
	err = core.Exclusive(ctx, "import", func(ctx context.Context) (err error) {
		report, err = runImport(ctx, core.Service, o, func(r *importer.Report) {
			if time.Since(last) > 500*time.Millisecond {
				last = time.Now()
				fmt.Fprintf(c.err, "\r%d messages", r.Count(archive.Messages).Read+r.Count(archive.Replies).Read)
			}
		})
		return err
	})
	fmt.Fprintln(c.err)
	return report, err
}

// runImport imports into an open chat. The report is nil if nothing was read.
func runImport(ctx context.Context, s *chat.Service, o importOrder,
	progress func(*importer.Report)) (_ *importer.Report, err error) {
	open := formats[o.Format]
	if open == nil {
		return nil, fmt.Errorf("unknown format %q", o.Format)
	}
	from, err := open(o.File, o.Attachments)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	report, err := importer.Importer{From: from, Service: s, PublicURL: o.PublicURL, DryRun: o.DryRun,
		Progress: progress}.Run(ctx)
	report.File = filepath.Base(o.File)
	if err != nil && report.Source != "" && !o.DryRun {
		err = fmt.Errorf("%w (run the same command again to go on)", err)
	}
	return report, err
}

// summarize prints the numbers of a report.
func summarize(c console, r *importer.Report) {
	for _, n := range r.Counts {
		if n.Read > 0 {
			fmt.Fprintf(c.out, "%-9s %d read: %d new (%d changed), %d here before, %d left out\n", n.Kind, n.Read,
				n.Taken, n.Changed, n.Unchanged, n.LeftOut)
		}
	}
	if r.DryRun {
		fmt.Fprintln(c.out, "A dry run: nothing was written.")
	}
}

// write writes the report beside the name that was given.
func (i importFile) write(c console, r *importer.Report) error {
	base := strings.TrimSuffix(i.Report, ".html")
	page, err := os.Create(base + ".html")
	if err != nil {
		return err
	}
	if err := errors.Join(r.HTML(page), page.Close()); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "report: %s.html, %[1]s.json\n", base)
	return os.WriteFile(base+".json", append(text, '\n'), 0o600)
}
