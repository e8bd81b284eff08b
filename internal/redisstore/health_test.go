package redisstore

import (
	"strings"
	"testing"
)

// TestRefusals: what each kind of Redis says when it denies a command is known,
// called by itself and by a script. rueidis leaves out a leading "ERR".
func TestRefusals(t *testing.T) {
	for said, want := range map[string]string{
		"NOPERM this user has no permissions to run the 'xadd' command":                              "denied: ",
		"NOPERM User default has no permissions to run the 'xadd' command":                           "denied: ",
		"NOPERM No permissions to access a key":                                                      "denied: ",
		"The user executing the script can't run this command or subcommand script: 6c5e, on @u:1.":  "denied: ",
		"The user executing the script can't access at least one of the keys mentioned in the ":      "denied: ",
		"ACL failure in script: User default has no permissions to run the 'xadd' command":           "denied: ",
		"ACL failure in script: No permissions to access a key script: 6c5e28, on @user_script:1.":   "denied: ",
		"OOM command not allowed when used memory > 'maxmemory'.":                                    "full: ",
		"READONLY You can't write against a read only replica.":                                      "read-only: ",
		"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to": "read-only: ",
		"WRONGTYPE Operation against a key holding the wrong kind of value":                          "",
	} {
		if got := reasonOf(said); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q means %q, want %q", said, got, want)
		}
	}
}
