package client_test

import (
	"errors"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/parley-chat/parley/client"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/parleytest"
)

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	if out, err := exec.Command("go", "run", "./gen", "-check").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestEveryActionIsReachable calls each action of the domain with an input in
// which every field has a value, over HTTP and over a WebSocket. It is either
// done or refused by the action itself.
func TestEveryActionIsReachable(t *testing.T) {
	t.Parallel()
	s := parleytest.StartUnlimited(t)
	web := s.LogIn("Alex")
	f := follow(t, s.LogIn("Alex"), client.FollowConfig{})
	for _, a := range chat.Actions() {
		name := ""
		for word := range strings.SplitSeq(a.Name, ".") {
			name += strings.ToUpper(word[:1]) + word[1:]
		}
		if a.Name == "session.delete" { // ends its session
			web, f = s.LogIn("Joe"), follow(t, s.LogIn("Joe"), client.FollowConfig{})
		}
		for transport, actions := range map[string]client.Actions{"HTTP": web.Actions,
			"WebSocket": f.Actions} {
			method := reflect.ValueOf(actions).MethodByName(name)
			if !method.IsValid() {
				t.Fatalf("the client has no method %s for %s", name, a.Name)
			}
			args := []reflect.Value{reflect.ValueOf(t.Context())}
			if a.In != reflect.TypeFor[chat.None]() {
				if got := method.Type().In(1); got != a.In {
					t.Fatalf("%s takes %v, want %v", name, got, a.In)
				}
				args = append(args, sample(a.In))
			}
			results := method.Call(args)
			err, _ := results[len(results)-1].Interface().(error)
			refused, ok := errors.AsType[*client.Error](err)
			switch {
			case err == nil:
			case !ok:
				t.Errorf("%s over %s: %v", name, transport, err)
			case refused.Field == "method" || strings.Contains(refused.Message,
				"the server answered with"):
				t.Errorf("%s over %s does not reach the action: %v", name, transport, err)
			}
		}
		if a.Name == "session.delete" {
			web, f = s.LogIn("Alex"), follow(t, s.LogIn("Alex"), client.FollowConfig{})
		}
	}
}

// sample is a value of a type in which every field has a value.
func sample(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(sample(t.Elem()))
	case reflect.Slice:
		v.Set(reflect.Append(v, sample(t.Elem())))
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
	case reflect.Struct:
		for i := range t.NumField() {
			v.Field(i).Set(sample(t.Field(i).Type))
		}
	default:
		panic("no sample of " + t.String())
	}
	return v
}
