package incoming

import (
	"net/http"
	"strings"
	"testing"
)

const repo = `"repository":{"full_name":"a/b","html_url":"https://github.com/a/b"},"sender":{"login":"joe_x","html_url":"https://github.com/joe_x"}`

var githubPayloads = []struct{ event, body, want string }{
	{"ping", `{"zen":"Keep it simple",` + repo + `}`, "Connected in [a/b](https://github.com/a/b)"},
	{"push", `{"ref":"refs/heads/main","forced":false,"compare":"https://github.com/a/b/compare/1...2","commits":[
		{"id":"1a2b3c4d5e","message":"fix *all* the things\n\nlong story","url":"https://github.com/a/b/commit/1a2b3c4d5e"},{"id":"2b","message":"for @room","url":"https://github.com/a/b/commit/2b"}],` + repo + `}`,
		"**[joe\\_x](https://github.com/joe_x)** pushed [2 commits](https://github.com/a/b/compare/1...2) to `main` of [a/b](https://github.com/a/b)\n" +
			"- [1a2b3c4](https://github.com/a/b/commit/1a2b3c4d5e) fix \\*all\\* the things\n- [2b](https://github.com/a/b/commit/2b) for @\u2060room"},
	{"push", `{"ref":"refs/heads/gone","deleted":true,"commits":[],` + repo + `}`, ""},
	{"pull_request", `{"action":"closed","number":7,"pull_request":{"number":7,"title":"Add [x]","html_url":"https://github.com/a/b/pull/7","merged":true,"body":"not again"},` + repo + `}`,
		"**[joe\\_x](https://github.com/joe_x)** merged pull request [#7 Add \\[x\\]](https://github.com/a/b/pull/7) in [a/b](https://github.com/a/b)"},
	{"pull_request", `{"action":"synchronize","pull_request":{"number":7},` + repo + `}`, ""},
	{"issues", `{"action":"opened","issue":{"number":1,"title":"It breaks","html_url":"https://github.com/a/b/issues/1","body":"<!-- form -->\r\nOn **start**, @here\n"},` + repo + `}`,
		"**[joe\\_x](https://github.com/joe_x)** opened issue [#1 It breaks](https://github.com/a/b/issues/1) in [a/b](https://github.com/a/b)\n> On **start**, @\u2060here"},
	{"issue_comment", `{"action":"created","issue":{"number":1,"title":"T","html_url":"https://github.com/a/b/issues/1"},"comment":{"html_url":"https://github.com/a/b/issues/1#c","body":"me too"},` + repo + `}`,
		"**[joe\\_x](https://github.com/joe_x)** [commented](https://github.com/a/b/issues/1#c) on [#1 T](https://github.com/a/b/issues/1) in [a/b](https://github.com/a/b)\n> me too"},
	{"pull_request_review", `{"action":"submitted","review":{"state":"changes_requested","html_url":"https://github.com/a/b/pull/7#r","body":null},"pull_request":{"number":7,"title":"T","html_url":"https://github.com/a/b/pull/7"},` + repo + `}`,
		"**[joe\\_x](https://github.com/joe_x)** [asked for changes of](https://github.com/a/b/pull/7#r) pull request [#7 T](https://github.com/a/b/pull/7) in [a/b](https://github.com/a/b)"},
	{"release", `{"action":"published","release":{"tag_name":"v1","name":null,"html_url":"https://github.com/a/b/releases/v1"},` + repo + `}`,
		"**[joe\\_x](https://github.com/joe_x)** published [v1](https://github.com/a/b/releases/v1) in [a/b](https://github.com/a/b)"},
	{"workflow_run", `{"action":"completed","workflow_run":{"name":"CI","head_branch":"main","conclusion":"failure","html_url":"https://github.com/a/b/actions/1"},` + repo + `}`,
		"[CI](https://github.com/a/b/actions/1) on `main` ended: **failure** in [a/b](https://github.com/a/b)"},
	{"workflow_run", `{"action":"completed","workflow_run":{"name":"CI","head_branch":"main","status":"queued","conclusion":null,"html_url":"https://github.com/a/b/actions/1"},` + repo + `}`, ""},
	{"commit_comment", `{"action":"created","comment":{"html_url":"https://github.com/a/b/commit/6113728f27#c1","commit_id":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","body":"Nice"},` + repo + `}`,
		"**[joe\\_x](https://github.com/joe_x)** [commented](https://github.com/a/b/commit/6113728f27#c1) on " +
			"commit [6113728](https://github.com/a/b/commit/6113728f27ae82c7b1a177c8d03f9e96e0adf246) in [a/b](https://github.com/a/b)\n> Nice"},
	{"create", `{"ref":"v1","ref_type":"tag",` + repo + `}`,
		"**[joe\\_x](https://github.com/joe_x)** created tag `v1` in [a/b](https://github.com/a/b)"},
	{"from_the_future", `{"action":"x",` + repo + `}`, ""},
}

func TestGitHub(t *testing.T) {
	for _, c := range githubPayloads {
		p, err := decode("application/json", []byte(c.body))
		if err != nil {
			t.Fatal(c.event, err)
		}
		if got := github(c.event, p); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.event, got, c.want)
		}
	}
}

// TestGitHubWithoutAField takes each field out of each payload in turn: what is
// left reads as a sentence still.
func TestGitHubWithoutAField(t *testing.T) {
	holes := []string{"****", "[]", "()", " on in ", " of in ", "  ", "**[", "``"}
	for _, c := range githubPayloads {
		p, err := decode("application/json", []byte(c.body))
		if err != nil {
			t.Fatal(c.event, err)
		}
		var without func(o map[string]any, path string)
		without = func(o map[string]any, path string) {
			for name, value := range o {
				for _, instead := range []any{nil, ""} {
					o[name] = instead
					got, _, _ := strings.Cut(github(c.event, p), "\n")
					for _, hole := range holes {
						if strings.Contains(got, hole) && !strings.Contains(c.want, hole) {
							t.Errorf("%s without %s%s has %q:\n%s", c.event, path, name, hole, got)
						}
					}
				}
				o[name] = value
				if inner, ok := value.(map[string]any); ok {
					without(inner, path+name+".")
				}
			}
		}
		without(p, "")
	}
}

func TestGitHubPosts(t *testing.T) {
	h := newFixture(t)
	post := func(url, event, body string, want int) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-GitHub-Event", event)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %s", event, res.Status)
		}
	}
	post(h.url, "ping", githubPayloads[0].body, 200)
	if m := h.newest(); m.Text != githubPayloads[0].want {
		t.Errorf("wrote %q", m.Text)
	}
	post(h.url, "issues", githubPayloads[5].body, 200)
	last := h.newest()
	if last.Text != githubPayloads[5].want || len(last.Mentions) != 0 {
		t.Errorf("wrote %q, which calls %v", last.Text, last.Mentions)
	}
	post(h.url, "watch", `{"action":"started"}`, 200) // nothing to tell
	post(h.url+"x", "watch", `{"action":"started"}`, 404)
	if m := h.newest(); m.No != last.No {
		t.Errorf("wrote %q", m.Text)
	}
	post(h.url, "push", `{"text":"Slack's, by Gitea"}`, 200)
	if m := h.newest(); m.Text != "Slack's, by Gitea" {
		t.Errorf("wrote %q", m.Text)
	}
}
