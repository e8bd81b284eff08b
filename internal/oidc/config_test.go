package oidc_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/oidc"
)

// TestSettingsThatAreWrong wants it said what is wrong, and no secret with it.
func TestSettingsThatAreWrong(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const good = "[[provider]]\nid = \"a\"\nname = \"A\"\nissuer = \"https://id.example.com\"\nclient-id = \"c\"\n"
	for text, want := range map[string]string{
		good:                                 "",
		good + "client-secret-env = \"S\"\n": "",
		good + "client-secret-file = \"" + write("secret", "s\n") + "\"\n": "",
		"": "there is no [[provider]]",
		strings.ReplaceAll(good, `id = "a"`, `id = "A"`):                               "id must be",
		strings.ReplaceAll(good, `name = "A"`, ``):                                     "name is missing",
		strings.ReplaceAll(good, `client-id = "c"`, ``):                                "client-id is missing",
		strings.ReplaceAll(good, `https://id.example.com`, `http://id.example.com`):    "issuer must be like",
		strings.ReplaceAll(good, `https://id.example.com`, `id.example.com`):           "issuer must be like",
		strings.ReplaceAll(good, `https://id.example.com`, `https://id.example.com?x`): "issuer must be like",
		good + good:                                                      "two providers",
		good + "colour = \"red\"\n":                                      `no setting "provider.colour"`,
		good + "client-secret-env = \"other\"\n":                         "secret is empty",
		good + "client-secret-file = \"/nowhere\"\n":                     "client-secret-file",
		good + "client-secret-file = \"x\"\nclient-secret-env = \"y\"\n": "not both",
		good + "ca-file = \"" + write("ca", "no certificate") + "\"\n":   "no certificate",
		good + "default-role = \"king\"\n":                               "default-role must be",
		good + "[provider.roles]\nall = \"king\"\n":                      `"all" must be`,
		"only = 5\n" + good:                                              "only",
	} {
		_, err := oidc.Load(write("oidc.toml", text), func(name string) (string, bool) {
			return strings.Repeat("s3cret", strings.Count(name, "S")), name == "S"
		})
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
	}
}
