package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/server"
)

type userAdd struct {
	in   *storeFlags
	Name string `arg:"" help:"Name."`
	Role string `help:"owner, admin, member or guest." enum:"owner,admin,member,guest" default:"member"`
}

type userPasswd struct {
	in   *storeFlags
	Name string `arg:"" help:"Name."`
}

type userList struct{ in *storeFlags }

type userDisable struct {
	in   *storeFlags
	Name string `arg:"" help:"Name."`
}

type userEnable struct {
	in   *storeFlags
	Name string `arg:"" help:"Name."`
}

type userLink struct {
	in   *storeFlags
	Name string `arg:"" help:"Name."`
}

type userResetFactor struct {
	in   *storeFlags
	Name string `arg:"" help:"Name."`
}

// order is one of the operator's commands, as it travels to a running server.
type order struct {
	Do       string `json:"do"`
	Name     string `json:"name,omitempty"`
	Role     string `json:"role,omitempty"`
	Password string `json:"password,omitempty"`

	Import *importOrder `json:"import,omitempty"`
	Export *exportOrder `json:"export,omitempty"`
}

func (u userAdd) Run(ctx context.Context, c console) error {
	password, err := askPassword(c)
	if err != nil {
		return err
	}
	return give(ctx, *u.in, c, order{Do: "add", Name: u.Name, Role: u.Role, Password: password})
}

func (u userPasswd) Run(ctx context.Context, c console) error {
	password, err := askPassword(c)
	if err != nil {
		return err
	}
	return give(ctx, *u.in, c, order{Do: "passwd", Name: u.Name, Password: password})
}

func (u userList) Run(ctx context.Context, c console) error {
	return give(ctx, *u.in, c, order{Do: "list"})
}

func (u userDisable) Run(ctx context.Context, c console) error {
	return give(ctx, *u.in, c, order{Do: "disable", Name: u.Name})
}

func (u userEnable) Run(ctx context.Context, c console) error {
	return give(ctx, *u.in, c, order{Do: "enable", Name: u.Name})
}

func (u userLink) Run(ctx context.Context, c console) error {
	return give(ctx, *u.in, c, order{Do: "link", Name: u.Name})
}

func (u userResetFactor) Run(ctx context.Context, c console) error {
	return give(ctx, *u.in, c, order{Do: "reset-factor", Name: u.Name})
}

// give has an order carried out by the server that has the data open, or else
// opens the data and carries it out here.
func give(ctx context.Context, w storeFlags, c console, o order) error {
	if err := w.check(); err != nil {
		return err
	}
	driver, err := server.Driver(w.config())
	if err != nil {
		return flagged(err)
	}
	text, err := "", errNoServer
	if driver.Control != nil {
		dir := driver.Control(w.config())
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("there is no data in %s: start the server once, or name its directory with --data", dir)
		}
		text, err = askServer(ctx, dir, o)
	}
	if errors.Is(err, errNoServer) {
		var s *server.Core
		if s, err = server.OpenCore(ctx, server.CoreConfig{Store: w.config()}); err != nil {
			return err
		}
		text, err = obey(ctx, s.Service, o)
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(c.out, text)
	return err
}

// obey carries out an order and says what was done.
func obey(ctx context.Context, s *chat.Service, o order) (string, error) {
	switch o.Do {
	case "add":
		if err := s.Setup(ctx); err != nil {
			return "", err
		}
		u, err := s.AddUser(ctx, o.Name, o.Password, chat.Role(o.Role), "")
		return fmt.Sprintf("added %s (%s)\n", u.Name, u.Role), plainly(err)
	case "list":
		return listPeople(ctx, s)
	case "export":
		if o.Export == nil {
			return "", errors.New("export where?")
		}
		return "", runExport(ctx, s, *o.Export)
	case "import":
		if o.Import == nil {
			return "", errors.New("import what?")
		}
		report, err := runImport(ctx, s, *o.Import, nil)
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(report)
		return string(text), err
	}
	account, err := s.UserNamed(ctx, o.Name)
	if errors.Is(err, chat.ErrNotFound) {
		return "", fmt.Errorf("there is nobody called %q: see parley user list", o.Name)
	}
	if err != nil {
		return "", plainly(err)
	}
	switch o.Do {
	case "passwd":
		err = s.SetPassword(ctx, account, o.Password)
		return fmt.Sprintf("%s has a new password; all their sessions ended\n", account.Name), plainly(err)
	case "link":
		code, err := s.NewLogInLink(ctx, account)
		return fmt.Sprintf("Open this behind the server's address. It logs %s in, once, within %d minutes:\n/#link=%s\n",
			account.Name, int(chat.LogInLinkFor.Minutes()), code), plainly(err)
	case "reset-factor":
		err = s.RemoveFactor(ctx, account)
		return fmt.Sprintf("%s logs in without a second factor now\n", account.Name), plainly(err)
	case "disable":
		return fmt.Sprintf("%s can no longer log in\n", account.Name), plainly(s.Disable(ctx, account, true))
	case "enable":
		return fmt.Sprintf("%s can log in again\n", account.Name), plainly(s.Disable(ctx, account, false))
	}
	return "", fmt.Errorf("unknown order %q", o.Do)
}

func listPeople(ctx context.Context, s *chat.Service) (string, error) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tROLE\tSINCE\tID\t")
	for after := chat.UserID(""); ; {
		people, err := s.Store.Users(ctx, after, 200)
		if err != nil {
			return "", err
		}
		for _, u := range people {
			state := ""
			if u.Disabled {
				state = "disabled"
				if !u.DisabledUntil.IsZero() {
					state += " until " + u.DisabledUntil.Format(time.RFC3339)
				}
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", u.Name, u.Role, u.CreatedAt.Format("2006-01-02"),
				u.ID, state)
		}
		if len(people) < 200 {
			err := w.Flush()
			return b.String(), err
		}
		after = people[len(people)-1].ID
	}
}

// plainly drops the code from a refusal: the operator reads words.
func plainly(err error) error {
	if e, ok := errors.AsType[*chat.Error](err); ok {
		return errors.New(e.Message)
	}
	return err
}

// askPassword asks for a new password twice on a terminal, and otherwise reads
// it from the first line of the input.
func askPassword(c console) (string, error) {
	if f, ok := c.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		first, err := secretly(f, c, "Password: ")
		if err != nil {
			return "", err
		}
		second, err := secretly(f, c, "Once more: ")
		if err == nil && first != second {
			err = errors.New("these are two different passwords: nothing was changed")
		}
		return first, err
	}
	line, err := bufio.NewReader(c.in).ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", cmp.Or(ignoreEOF(err), errors.New("give the password on standard input"))
	}
	return line, nil
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func secretly(f *os.File, c console, prompt string) (string, error) {
	fmt.Fprint(c.err, prompt)
	b, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(c.err)
	return string(b), err
}
