package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const helpWidth = 80

// help prints what a command is for and what it takes.
func (b *builder) help(cmd *cobra.Command) {
	out := cmd.OutOrStdout()
	use := cmd.CommandPath()
	if cmd.HasAvailableSubCommands() {
		use += " <command>"
	}
	for _, a := range b.arguments[cmd] {
		use += " <" + a.name + ">"
	}
	fmt.Fprintf(out, "Usage: %s [flags]\n\n", use)
	if cmd.Long != "" { // cobra's own commands
		fmt.Fprintln(out, strings.TrimSpace(cmd.Long))
	} else {
		fmt.Fprintln(out, wrap(cmd.Short, 0))
	}
	var rows [][2]string
	for _, a := range b.arguments[cmd] {
		rows = append(rows, [2]string{"<" + a.name + ">", a.text})
	}
	fmt.Fprint(out, section("Arguments", rows))
	rows = nil
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			rows = append(rows, [2]string{c.Name(), c.Short})
		}
	}
	fmt.Fprint(out, section("Commands", rows))
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SortFlags = false
	for _, set := range []*pflag.FlagSet{cmd.LocalFlags(), cmd.InheritedFlags()} {
		set.SortFlags = false
		flags.AddFlagSet(set)
	}
	fmt.Fprintf(out, "\nFlags:\n%s", flags.FlagUsagesWrapped(helpWidth))
}

// section is a table of names and texts under a title, or nothing.
func section(title string, rows [][2]string) string {
	if len(rows) == 0 {
		return ""
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s:\n", title)
	for _, r := range rows {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, r[0], wrap(r[1], width+4))
	}
	return b.String()
}

// wrap breaks a text into lines that all but the first begin with so many
// blanks.
func wrap(text string, indent int) string {
	var b strings.Builder
	column := indent
	for i, word := range strings.Fields(text) {
		switch n := len([]rune(word)); {
		case i == 0:
			column += n
		case column+1+n > helpWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent + n
		default:
			b.WriteByte(' ')
			column += 1 + n
		}
		b.WriteString(word)
	}
	return b.String()
}

// oneOf lists values of which there may be one; the empty one is not worth a
// word.
func oneOf(values []string) string {
	var named []string
	for _, v := range values {
		if v != "" {
			named = append(named, v)
		}
	}
	if last := len(named) - 1; last > 0 {
		return strings.Join(named[:last], ", ") + " or " + named[last]
	}
	return strings.Join(named, "")
}

// didYouMean is a question for the name that is nearest to one that does not
// exist, if one is near.
func didYouMean(prefix, name string, known []string) string {
	best, least := "", len(name)/3+2
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %s%s?", prefix, best)
}

// distance is how many letters are to be put in, left out or replaced to make b
// of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
