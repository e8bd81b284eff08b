package parley_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNeed runs scripts/need.sh on made-up machines: one has the programs that
// its case names, in these versions, and little else.
func TestNeed(t *testing.T) {
	const all = "go=1.99.0 node=20.19.0 npm=10.8.2 redis-server=7.0.15 gcc=12 chromium=150"
	for name, test := range map[string]struct {
		has    string // programs
		debian string // what apt-get would install
		npm    string // the Node.js that npm would install
		user   bool   // not root
		need   string
		asked  string // of apt-get and npm, line by line
		says   string // why it fails, line by line: how each begins
	}{
		"all is there":    {has: all, need: "go node npm redis-server gcc chromium"},
		"Node.js 22":      {has: "node=22.13.0", need: "node"},
		"a later Node.js": {has: "node=31.0.0", need: "node"},
		"a later Redis":   {has: "redis-server=10.0.0", need: "redis-server"},
		"an empty Debian 13": {
			debian: "node=20.19.2 npm=9.2.0", need: "node npm",
			asked: "apt-get install nodejs npm",
		},
		"an empty Debian 12": {
			debian: "node=18.20.4 npm=9.2.0 redis-server=7.0.15 gcc=12 chromium=150", npm: "22.23.3",
			need:  "redis-server chromium node npm gcc",
			asked: "apt-get install redis-server chromium nodejs npm gcc libc6-dev\nnpm install node@22 npm@10",
		},
		"Node.js 18, not root": {
			has: "node=18.20.4 npm=9.2.0", npm: "22.23.3", user: true, need: "node npm",
			asked: "npm install node@22 npm@10",
		},
		"Node.js 18, and npm brings no other": {
			has: "node=18.20.4 npm=9.2.0", need: "node",
			asked: "npm install node@22 npm@10",
			says:  "node is 18.20.4, and ^20.19.0 || ^22.13.0 || >=24 is needed. Install Node.js",
		},
		"a Node.js between those that fit, without npm": {
			has: "node=22.12.0", need: "node",
			says: "node is 22.12.0, and ^20.19.0 || ^22.13.0 || >=24 is needed. Install Node.js",
		},
		"nothing, not root": {
			user: true, need: "redis-server node gcc",
			says: "redis-server is missing. Install it with your system's package manager (on Debian, as root: apt-get install redis-server).\n" +
				"node is missing. Install Node.js\n" +
				"gcc is missing. Install it with your system's package manager (on Debian, as root: apt-get install gcc libc6-dev).",
		},
		"nothing, and Debian has nothing": {
			need: "redis-server", asked: "apt-get install redis-server", says: "redis-server is missing.",
		},
		"an old Redis": {
			has: "redis-server=6.0.16", debian: "redis-server=6.0.16", need: "redis-server",
			says: "redis-server is 6.0.16, and >=7.0 is needed.",
		},
		"an old Go": {has: "go=1.19.8", need: "go", says: "go is 1.19.8, and >=1."},
		"no Go":     {need: "go", says: "go is missing. Install Go, version >=1."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			shell := func(script string, args ...string) (string, error) {
				args = append([]string{"-euc", script, "bash", dir}, args...)
				cmd := exec.CommandContext(t.Context(), "bash", args...)
				out, err := cmd.CombinedOutput()
				return strings.TrimSpace(string(out)), err
			}
			uid := "0"
			if test.user {
				uid = "1000"
			}
			if out, err := shell(makeMachine, test.has+" id="+uid, test.debian, test.npm); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			out, err := shell(`export PATH=$1/bin CHROMIUM=$1/bin/chromium; bash $1/scripts/need.sh $2`, test.need)
			if (err != nil) != (test.says != "") {
				t.Errorf("%v", err)
			}
			asked, _ := os.ReadFile(filepath.Join(dir, "asked"))
			if got := strings.TrimSpace(string(asked)); got != test.asked {
				t.Errorf("asked for %q, want %q", got, test.asked)
			}
			var said []string
			for line := range strings.Lines(out) {
				if !strings.HasPrefix(line, "installing ") {
					said = append(said, strings.TrimSpace(line))
				}
			}
			want := strings.Split(test.says, "\n")
			if test.says == "" {
				want = nil
			}

			if !slices.EqualFunc(said, want, strings.HasPrefix) {
				t.Errorf("said %q, want %q", said, want)
			}
		})
	}
}

// makeMachine makes one in the directory $1: it has the programs $2. Those in
// $3 come from apt-get, and Node.js of version $4 from npm.
const makeMachine = `
mkdir -p $1/bin $1/debian $1/npm $1/scripts $1/web
cp scripts/need.sh $1/scripts; cp go.mod $1; cp web/package.json $1/web
for tool in bash chmod cp dirname head ls mkdir rm sed sort; do ln -s "$(command -v $tool)" $1/bin; done
program() { # DIRECTORY NAME=VERSION
  { printf '#!%s\ncd %s; version=%s\n' "$(command -v bash)" ${1%/*} ${2#*=}; cat <<'END'
case ${0##*/} in
  go) echo go$version ;;
  node) echo v$version ;;
  redis-server) echo "Redis server v=$version sha=00000000:0 malloc=jemalloc-5.2.1 bits=64" ;;
  npm)
    [ "$1" = install ] || { echo $version; exit; }
    echo "npm install ${*: -2}" >>asked
    mkdir -p web/.node/node_modules/.bin && cp npm/* web/.node/node_modules/.bin 2>/dev/null ;;
  apt-get)
    [ "$1" = install ] || exit 0
    echo "apt-get install ${*: $version}" >>asked
    for p in ${*: $version}; do cp debian/${p/#nodejs/node} bin 2>/dev/null || exit 100; done ;;
  *) echo $version ;;
esac
END
  } >$1/${2%%=*}
  chmod +x $1/${2%%=*}
}
for one in $2 apt-get=5; do program $1/bin $one; done
for one in $3 libc6-dev=2; do program $1/debian $one; done
for one in $4; do program $1/npm node=$one; program $1/npm npm=10.9.9; done
`
