package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// setting is a field of a command's struct: a string, bool, int,
// [time.Duration] or []string. Its name is the field's. The tags help,
// placeholder, default, enum (values with commas between), env ("-" for none)
// and required describe it; key is its name in a file and in the environment
// where that is another, or "-" for neither. One with the tag arg is an
// argument instead of a flag. It implements [pflag.Value].
type setting struct {
	field                           reflect.Value
	name, env, key                  string // key is the name in a file
	text, placeholder, defaultValue string
	enum                            []string
	required                        bool
	set                             bool // by Set, after which a list grows
}

// settingsOf reads the fields of the struct at a pointer, and of those embedded
// in it, gives them their defaults, and returns them.
func settingsOf(pointer any) (flags, arguments []*setting) {
	return settingsIn(reflect.ValueOf(pointer).Elem())
}

func settingsIn(v reflect.Value) (flags, arguments []*setting) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			more, args := settingsIn(v.Field(i))
			flags, arguments = append(flags, more...), append(arguments, args...)
			continue
		}
		if !f.IsExported() {
			continue
		}
		_, argument := f.Tag.Lookup("arg")
		_, required := f.Tag.Lookup("required")
		s := &setting{field: v.Field(i), name: dashed(f.Name), required: required,
			text: f.Tag.Get("help"), placeholder: f.Tag.Get("placeholder"),
			defaultValue: f.Tag.Get("default")}
		s.key = cmp.Or(f.Tag.Get("key"), s.name)
		if f.Tag.Get("env") != "-" && s.key != "-" {
			s.env = "PARLEY_" + strings.ToUpper(strings.ReplaceAll(s.key, "-", "_"))
		}
		if list := f.Tag.Get("enum"); list != "" {
			s.enum = strings.Split(list, ",")
		}
		if s.defaultValue != "" {
			if err := s.Set(s.defaultValue); err != nil {
				panic(fmt.Sprintf("the default of --%s: %v", s.name, err))
			}
			s.set = false
		}
		if argument {
			arguments = append(arguments, s)
		} else {
			flags = append(flags, s)
		}
	}
	return flags, arguments
}

// dashed is a field's name as a flag: PublicURL is public-url, TLSCert is
// tls-cert.
func dashed(name string) string {
	var b strings.Builder
	letters := []rune(name)
	for i, r := range letters {
		if i > 0 && unicode.IsUpper(r) &&
			(unicode.IsLower(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1])) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

var duration = reflect.TypeFor[time.Duration]()

// Set takes a value as people write it. The error goes on from the setting's
// name: "must be ...".
func (s *setting) Set(text string) error {
	if len(s.enum) > 0 && !slices.Contains(s.enum, text) {
		return fmt.Errorf("must be %s, not %q", oneOf(s.enum), text)
	}
	switch f := s.field; {
	case f.Type() == duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("must be a duration like 90s or 1h30m, not %q", text)
		}
		f.SetInt(int64(d))
	case f.Kind() == reflect.Int:
		n, err := strconv.ParseInt(text, 0, strconv.IntSize)
		if err != nil {
			return fmt.Errorf("must be a whole number, not %q", text)
		}
		f.SetInt(n)
	case f.Kind() == reflect.Bool:
		switch strings.ToLower(text) {
		case "true", "1", "yes":
			f.SetBool(true)
		case "false", "0", "no":
			f.SetBool(false)
		default:
			return fmt.Errorf("must be true or false, not %q", text)
		}
	case f.Kind() == reflect.Slice:
		parts := strings.Split(text, ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		s.add(slices.DeleteFunc(parts, func(part string) bool { return part == "" })...)
	default:
		f.SetString(text)
	}
	s.set = true
	return nil
}

// add puts values at the end of a list; the first ones replace the default.
func (s *setting) add(values ...string) {
	var before []string
	if s.set {
		before = s.field.Interface().([]string)
	}
	s.field.Set(reflect.ValueOf(slices.Concat(before, values)))
	s.set = true
}

// String is the default, for the help.
func (s *setting) String() string { return s.defaultValue }

// Type is what the help shows for the value.
func (s *setting) Type() string {
	switch {
	case s.placeholder != "" && s.field.Kind() == reflect.Slice:
		return s.placeholder + ",..."
	case s.placeholder != "":
		return s.placeholder
	case s.field.Type() == duration:
		return "duration"
	}
	return s.field.Kind().String()
}

func (s *setting) isBool() bool { return s.field.Kind() == reflect.Bool }

// usage is what the help says.
func (s *setting) usage() string {
	if s.env == "" {
		return s.text
	}
	return fmt.Sprintf("%s [%s]", s.text, s.env)
}

// load gives the settings that no flag has set their values from the
// environment, and from the file what is left.
func (b *builder) load(cmd *cobra.Command) error {
	var settings []*setting
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if s, ok := f.Value.(*setting); ok {
			settings = append(settings, s)
		}
	})
	for _, s := range settings {
		if value, ok := b.lookupEnv(s.env); ok && !s.set {
			if err := s.Set(value); err != nil {
				return fmt.Errorf("%s %w", s.env, err)
			}
		}
	}
	values, err := b.readFile()
	if err != nil {
		return err
	}
	var missing []string
	for _, s := range settings {
		if value, ok := values[s.key]; ok && !s.set {
			if err := s.take(value); err != nil {
				return fmt.Errorf("config file: %s %w", s.name, err)
			}
		}
		if s.required && !s.set {
			missing = append(missing, "--"+s.name)
		}
	}
	if len(missing) > 0 {
		return misused(cmd, errors.New("missing "+strings.Join(missing, " and ")))
	}
	return nil
}

// take sets what a TOML file says.
func (s *setting) take(value any) error {
	switch list, ok := value.([]any); {
	case !ok:
		return s.Set(fmt.Sprint(value))
	case s.field.Kind() != reflect.Slice:
		return errors.New("must be one value, not a list")
	default:
		values := make([]string, len(list))
		for i, v := range list {
			values[i] = fmt.Sprint(v)
		}
		s.add(values...)
		return nil
	}
}

func (b *builder) lookupEnv(name string) (value string, ok bool) {
	for _, entry := range b.environ {
		if n, v, _ := strings.Cut(entry, "="); n == name && name != "" {
			value, ok = v, true // the last one counts, as for a process
		}
	}
	return value, ok
}

// readFile reads the TOML file whose keys are the flags' names, and refuses
// keys that are no setting of any command.
func (b *builder) readFile() (map[string]any, error) {
	if b.everywhere.Config == "" {
		return nil, nil
	}
	values := map[string]any{}
	text, err := os.ReadFile(b.everywhere.Config)
	if err == nil {
		_, err = toml.Decode(string(text), &values)
	}
	if err != nil {
		return nil, fmt.Errorf("config file: %w", err)
	}
	var known []string
	for _, s := range b.settings {
		if s.key != "config" && s.key != "-" {
			known = append(known, s.key)
		}
	}
	var unknown []error
	for key := range values {
		if !slices.Contains(known, key) {
			unknown = append(unknown, fmt.Errorf("config file: there is no setting %q%s", key,
				didYouMean("", key, known)))
		}
	}
	slices.SortFunc(unknown, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return values, errors.Join(unknown...)
}

// serviceLink matches the variables that Kubernetes sets in every container for
// each Service whose name is parley or begins with parley-, like
// PARLEY_PORT=tcp://10.0.0.1:80. The value counts too: PARLEY_PORT=8080 is
// someone's mistake.
var serviceLink = regexp.MustCompile(`^PARLEY_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST=` +
	`|SERVICE_PORT(?:_[A-Z0-9_]+)?=[0-9]+$` +
	`|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP))?=(?:tcp|udp|sctp)://` +
	`|PORT_[0-9]+_(?:TCP|UDP|SCTP)_(?:PROTO|PORT|ADDR)=)`)

// unknownEnvironment refuses variables that look like settings and are none.
func (b *builder) unknownEnvironment() error {
	var known []string
	for _, s := range b.settings {
		known = append(known, s.env)
	}
	for _, entry := range b.environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "PARLEY_") && !strings.HasPrefix(name, "PARLEY_TEST_") &&
			!slices.Contains(known, name) && !serviceLink.MatchString(entry) {
			return fmt.Errorf("there is no setting %s%s (see parley serve --help)", name,
				didYouMean("", name, known))
		}
	}
	return nil
}
