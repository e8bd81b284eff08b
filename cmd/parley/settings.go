package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// settingsFile loads a TOML file whose keys are the flags' names. It has its say only where neither a flag nor the
// environment had theirs.
func settingsFile(environ []string) kong.ConfigurationLoader {
	return func(r io.Reader) (kong.Resolver, error) {
		values := map[string]any{}
		if _, err := toml.NewDecoder(r).Decode(&values); err != nil {
			return nil, fmt.Errorf("config file: %w", err)
		}
		return file{values, environ}, nil
	}
}

type file struct {
	values  map[string]any
	environ []string
}

// Validate refuses keys that are no setting, and names them.
func (f file) Validate(app *kong.Application) error {
	known := map[string]bool{}
	eachFlag(app.Node, func(flag *kong.Flag) { known[flag.Name] = true })
	for _, name := range []string{"help", "config"} {
		delete(known, name)
	}
	var unknown []error
	for key := range f.values {
		if !known[key] {
			unknown = append(unknown, fmt.Errorf("config file: there is no setting %q", key))
		}
	}
	slices.SortFunc(unknown, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(unknown...)
}

// Resolve gives a flag its value from the file.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if slices.ContainsFunc(f.environ, func(e string) bool { return strings.HasPrefix(e, name+"=") }) {
			return nil, nil
		}
	}
	switch v := f.values[flag.Name].(type) {
	case nil:
		return nil, nil
	case []any:
		parts := make([]string, len(v))
		for i, p := range v {
			parts[i] = fmt.Sprint(p)
		}
		return strings.Join(parts, ","), nil
	default:
		return fmt.Sprint(v), nil
	}
}

// unknownEnvironment refuses variables that look like settings and are none.
func unknownEnvironment(app *kong.Application, environ []string) error {
	known := map[string]bool{}
	eachFlag(app.Node, func(flag *kong.Flag) {
		for _, name := range flag.Envs {
			known[name] = true
		}
	})
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "PARLEY_") && !strings.HasPrefix(name, "PARLEY_TEST_") && !known[name] {
			return fmt.Errorf("there is no setting %s: see parley serve --help", name)
		}
	}
	return nil
}

func eachFlag(node *kong.Node, visit func(*kong.Flag)) {
	for _, flag := range node.Flags {
		visit(flag)
	}
	for _, child := range node.Children {
		eachFlag(child, visit)
	}
}
