package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manual prints the manual page of all commands, for packages.
type manual struct{ b *builder }

// Run writes troff.
func (m *manual) Run(_ context.Context, c console) error {
	page := manPage{m.b, new(strings.Builder)}
	page.write(m.b.root)
	_, err := io.WriteString(c.out, page.out.String())
	return err
}

// manPage is parley(1), made of what --help is made of.
type manPage struct {
	b   *builder
	out *strings.Builder
}

func (p manPage) line(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

func (p manPage) write(root *cobra.Command) {
	p.line(".TH PARLEY 1")
	p.line(".SH NAME\nparley \\- a self\\-hosted real\\-time chat server")
	p.line(".SH SYNOPSIS\n.B parley\n.I command\n[\\fIflags\\fR]")
	p.line(".SH DESCRIPTION\n%s", troff(root.Short))
	p.line(".SH COMMANDS")
	for _, cmd := range root.Commands() {
		p.command(cmd)
	}
	p.line(".SH FLAGS OF ALL COMMANDS")
	p.flags(root.PersistentFlags())
}

func (p manPage) command(cmd *cobra.Command) {
	if !cmd.IsAvailableCommand() || cmd.Name() == "help" {
		return
	}
	use := cmd.CommandPath()
	for _, a := range p.b.arguments[cmd] {
		use += " <" + a.name + ">"
	}
	p.line(".SS %s\n%s", troff(use), troff(cmd.Short))
	for _, a := range p.b.arguments[cmd] {
		p.line(".TP\n\\fI%s\\fR\n%s", troff(a.name), troff(a.text))
	}
	p.flags(cmd.LocalNonPersistentFlags())
	if cmd.HasParent() {
		p.flags(cmd.PersistentFlags())
	}
	for _, below := range cmd.Commands() {
		p.command(below)
	}
}

func (p manPage) flags(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		placeholder, text := pflag.UnquoteUsage(f)
		p.line(".TP\n\\fB\\-\\-%s\\fR \\fI%s\\fR\n%s", troff(f.Name), troff(placeholder), troff(text))
	})
}

// troff escapes a text, which may not begin with a command.
func troff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
