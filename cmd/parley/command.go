package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// runner is a command: a pointer to a struct whose fields are its settings and
// arguments.
type runner interface {
	Run(ctx context.Context, c console) error
}

// builder makes the commands, and knows what they share.
type builder struct {
	everywhere struct {
		Config string `help:"TOML file with settings, named as the flags, e.g. sign-up = \"open\"." placeholder:"FILE"`
	}
	environ   []string
	console   console
	settings  []*setting // of all commands
	arguments map[*cobra.Command][]*setting
	root      *cobra.Command // has all of them
}

// hidden leaves a command out of the help.
func hidden(cmd *cobra.Command) *cobra.Command {
	cmd.Hidden = true
	return cmd
}

// command makes a command that runs r, once the fields of r have what was set.
// Others may be below it.
func (b *builder) command(name, help string, r runner, below ...*cobra.Command) *cobra.Command {
	settings, arguments := settingsOf(r)
	cmd := &cobra.Command{Use: name, Short: help}
	cmd.AddCommand(below...)
	b.declare(cmd, cmd.Flags(), settings)
	b.arguments[cmd] = arguments
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		for i, a := range arguments {
			if i >= len(args) {
				return misused(cmd, fmt.Errorf("expected <%s>", a.name))
			}
			if err := a.Set(args[i]); err != nil {
				return misused(cmd, fmt.Errorf("<%s> %w", a.name, err))
			}
		}
		if len(args) > len(arguments) {
			return misused(cmd, fmt.Errorf("unexpected argument %s", args[len(arguments)]))
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := b.load(cmd); err != nil {
			return err
		}
		return r.Run(cmd.Context(), b.console)
	}
	return cmd
}

// group makes a command that only has others below it, for all of which the
// fields of shared are settings.
func (b *builder) group(name, help string, shared any, below ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: help, Args: cobra.ArbitraryArgs}
	cmd.AddCommand(below...)
	if shared != nil {
		settings, _ := settingsOf(shared)
		b.declare(cmd, cmd.PersistentFlags(), settings)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return noSuchCommand(cmd, args[0])
		}
		return misused(cmd, errors.New("expected a command: "+oneOf(commandNames(cmd))))
	}
	return cmd
}

// declare makes settings flags of a command.
func (b *builder) declare(cmd *cobra.Command, flags *pflag.FlagSet, settings []*setting) {
	cmd.Flags().SortFlags, flags.SortFlags = false, false
	for _, s := range settings {
		f := flags.VarPF(s, s.name, "", s.usage())
		if s.isBool() {
			f.NoOptDefVal = "true"
		}
		if len(s.enum) > 0 {
			if err := cmd.RegisterFlagCompletionFunc(s.name,
				cobra.FixedCompletions(s.enum, cobra.ShellCompDirectiveNoFileComp)); err != nil {
				panic(err)
			}
		}
	}
	b.settings = append(b.settings, settings...)
}

func init() { cobra.EnableCommandSorting = false }

// execute runs the command that args name. It returns what is wrong with them,
// or the command's own error.
func (b *builder) execute(ctx context.Context, all *cobra.Command, args []string) error {
	all.SilenceErrors, all.SilenceUsage = true, true
	// Cobra's own texts come from templates, of which nothing must be linked;
	// see docs/adr/0006-no-reflected-methods.md.
	all.SetHelpFunc(func(cmd *cobra.Command, _ []string) { b.help(cmd) })
	all.SetUsageFunc(func(cmd *cobra.Command) error { b.help(cmd); return nil })
	all.SetFlagErrorFunc(b.wrongFlag)
	all.PersistentFlags().BoolP("help", "h", false, "Print this.")
	all.SetArgs(slices.Concat([]string{}, args)) // nil would be the process' own
	all.SetIn(b.console.in)
	all.SetOut(b.console.out)
	all.SetErr(b.console.err)
	return all.ExecuteContext(ctx)
}

// wrongFlag says plainly what the library says about a flag.
func (b *builder) wrongFlag(cmd *cobra.Command, err error) error {
	// that command's flags are as unknown as itself
	if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 && len(b.arguments[cmd]) == 0 {
		return noSuchCommand(cmd, args[0])
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok && len(e.GetSpecifiedName()) > 1 {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		err = fmt.Errorf("there is no flag --%s%s", e.GetSpecifiedName(),
			didYouMean("--", e.GetSpecifiedName(), names))
	} else if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		err = fmt.Errorf("--%s %w", e.GetFlag().Name, e.Unwrap())
	}
	return misused(cmd, err)
}

func noSuchCommand(cmd *cobra.Command, name string) error {
	return misused(cmd, fmt.Errorf("there is no command %s%s", name, didYouMean("", name, commandNames(cmd))))
}

func misused(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())
}

func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return names
}
